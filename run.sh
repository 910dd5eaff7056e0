#!/usr/bin/env bash
# Builds the project and shows it at work: a host on loopback, 200 signed and compressed requests to it, a table of what
# came back. Keeps serving until Ctrl-C; with --once it stops after the table, with exit code 0 if all were answered right.
set -euo pipefail
cd "$(dirname "$0")"

once=false
case "${1:-}" in
  "") ;;
  --once) once=true ;;
  *) echo "usage: ./run.sh [--once]" >&2; exit 2 ;;
esac

etc/setup.sh run
quiet() {  # shows a step's output only where it fails, or on a terminal
  if [ -t 1 ]; then "$@"; else "$@" >build/run.log 2>&1 || { cat build/run.log >&2; return 1; }; fi
}
mkdir -p build
# Tests need packages that running does not; a folder that has them already is left as it is.
[ -e build/release/build.ninja ] || quiet cmake --preset release -DBUILD_TESTING=OFF
quiet cmake --build --preset release --target product

demo=build/demo
mkdir -p "$demo"
wallet=$demo/validator.json
dojo=build/release/bin/dojo
[ -e "$wallet" ] || $dojo keygen "$wallet" >/dev/null

host=
stop() {
  [ -n "$host" ] && kill -TERM "$host" 2>/dev/null && wait "$host" || true
  host=
}
trap stop EXIT

port=0
if ! $once; then port=8091; fi
coproc HOST { exec build/release/bin/dojo-host --listen "127.0.0.1:$port" --state "$demo/state" --log-level warning; }
host=$HOST_PID
read -r ready <&"${HOST[0]}" || { echo "the host did not start" >&2; exit 1; }
echo "$ready"
address=$(sed 's/.* ready on \([^,]*\),.*/\1/' <<<"$ready")
hotkey=${ready##* }

cat >"$demo/request.json" <<'JSON'
{"prompt": "What do validators send to miners?", "score": null, "completions": [
  "Validators send work to miners, as signed and compressed messages.",
  "Miners dig for ore.",
  "What miners send back to validators is an answer or a reason."]}
JSON
send() {
  $dojo batch --url "$address" ScoreRequest "@$demo/request.json" --wallet "$wallet" --to "$hotkey" --concurrency 16 "$@"
}
status=0
send --repeat 200 || status=$?
# Answered is not yet answered right: the last completion has the most words in common with the prompt.
right=$(send --repeat 20 --output jsonl 2>/dev/null | grep -c '"ranking":\[{"index":2,' || true)
if [ "$right" -ne 20 ]; then
  echo "only $right of 20 further answers ranked the completions right" >&2
  status=1
fi
# The same in the network's current dialect, whose answers have no envelope.
answer=$($dojo send "$address" Echo '{"message": "hello"}' --dialect btauth/1 --wallet "$wallet" --to "$hotkey") || status=1
echo
echo "Echo in btauth/1: ${answer//$'\n'/ }"
[[ $answer == *hello* && $answer != *metadata* ]] || status=1
# And an answer that comes in chunks, whose end says that it was all.
stream=$($dojo send "$address" Generate '{"prompt": "miners from back come answers", "ms_per_word": 50}' --dialect btauth/1 \
  --wallet "$wallet" --to "$hotkey") || status=1
echo "Generate, as a stream: ${stream//$'\n'/ }"
[[ $stream == *answers*miners* ]] || status=1
$once && exit "$status"

echo
echo "Still serving. Try, from another terminal:"
echo "  $dojo send $address Echo '{\"message\": \"hello\"}' --wallet $wallet --to $hotkey"
echo "Ctrl-C ends it."
wait "$host"
