//! What a Rust programmer would write in an afternoon: echo behind `dojo/1` (docs/wire.md), in JSON, plain or as zstd.
//! `axum-peer RECEIVER` listens on a free port of loopback and prints it.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderName, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::{body::Bytes, serve::ListenerExt, Router};
use blake2::{digest::consts::U32, Blake2b, Blake2b512, Digest};
use schnorrkel::{PublicKey, Signature};
use serde::{Deserialize, Serialize};

const WINDOW_MS: u64 = 30_000;
const MAX_BODY: usize = 16 << 20;
const LEVEL: i32 = 3;

#[derive(Serialize, Deserialize)]
struct Echo {
    message: String,
}

#[derive(Serialize)]
struct Envelope<T> {
    body: T,
    error: Option<&'static str>,
    metadata: Empty,
}

#[derive(Serialize)]
struct Empty {}

/// Who has used which nonce, until neither can count again.
#[derive(Default)]
struct Nonces {
    seen: HashSet<([u8; 32], [u8; 16])>,
    by_age: VecDeque<(u64, ([u8; 32], [u8; 16]))>,
}

impl Nonces {
    fn use_up(&mut self, now: u64, hotkey: [u8; 32], nonce: [u8; 16]) -> bool {
        while self.by_age.front().is_some_and(|(expiry, _)| *expiry < now) {
            self.seen.remove(&self.by_age.pop_front().unwrap().1);
        }
        let fresh = self.seen.insert((hotkey, nonce));
        if fresh {
            self.by_age.push_back((now + 2 * WINDOW_MS, (hotkey, nonce)));
        }
        fresh
    }
}

struct Miner {
    receiver: String,
    nonces: Mutex<Nonces>,
}

fn ss58(address: &str) -> Option<[u8; 32]> {
    let raw = bs58::decode(address).into_vec().ok()?;
    let (known, sum) = raw.split_at_checked(33)?;
    let hash = Blake2b512::new().chain_update(b"SS58PRE").chain_update(known).finalize();
    (known[0] < 64 && sum == &hash[..2]).then(|| known[1..].try_into().unwrap())
}

fn value<'a>(word: &'a str, key: &str) -> Result<&'a str, &'static str> {
    word.strip_prefix(key).ok_or("not dojo/1")
}

fn admit(miner: &Miner, method: &Method, uri: &Uri, headers: &HeaderMap, body: &[u8]) -> Result<(), &'static str> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok()).ok_or("signing header missing");
    let (hotkey, message, signature) = (header("x-hotkey")?, header("x-message")?, header("x-signature")?);
    let hotkey = ss58(hotkey).ok_or("x-hotkey is no SS58 address")?;
    let signature =
        signature.strip_prefix("0x").and_then(|text| hex::decode(text).ok()).ok_or("x-signature is no hex")?;

    let words: Vec<&str> = message.split(' ').collect();
    let ["dojo/1", for_method, for_path, to, ts, nonce, hash] = words[..] else { return Err("not dojo/1") };
    if for_method != method.as_str() || for_path != uri.path() || value(to, "to=")? != miner.receiver {
        return Err("signed for another receiver, method or path");
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
    let ts: u64 = value(ts, "ts=")?.parse().map_err(|_| "ts is no number")?;
    if now.abs_diff(ts) > WINDOW_MS {
        return Err("signed outside the time window");
    }
    let (mut nonce_bytes, mut hash_bytes) = ([0; 16], [0; 32]);
    hex::decode_to_slice(value(nonce, "nonce=")?, &mut nonce_bytes).map_err(|_| "nonce is no hex")?;
    hex::decode_to_slice(value(hash, "body=")?, &mut hash_bytes).map_err(|_| "body is no hex")?;

    let key = PublicKey::from_bytes(&hotkey).map_err(|_| "x-hotkey is no key")?;
    let signature = Signature::from_bytes(&signature).map_err(|_| "x-signature is no signature")?;
    key.verify_simple(b"substrate", message.as_bytes(), &signature).map_err(|_| "wrong signature")?;
    if !miner.nonces.lock().unwrap().use_up(now, hotkey, nonce_bytes) {
        return Err("nonce was used");
    }
    (Blake2b::<U32>::digest(body)[..] == hash_bytes).then_some(()).ok_or("not the body that was signed")
}

fn is_zstd(headers: &HeaderMap, name: HeaderName) -> bool {
    headers.get(name).is_some_and(|value| value == "zstd")
}

fn read(headers: &HeaderMap, body: &[u8]) -> Result<Echo, &'static str> {
    let inflated;
    let mut text = body;
    if is_zstd(headers, CONTENT_ENCODING) {
        inflated = zstd::bulk::decompress(body, MAX_BODY).map_err(|_| "not zstd")?;
        text = &inflated;
    }
    serde_json::from_slice(text).map_err(|_| "not the model")
}

fn answer<T: Serialize>(
    status: StatusCode,
    code: &'static str,
    body: T,
    error: Option<&'static str>,
    zstd: bool,
) -> Response {
    let text = serde_json::to_vec(&Envelope { body, error, metadata: Empty {} }).unwrap();
    let (text, encoding) =
        if zstd { (zstd::bulk::compress(&text, LEVEL).unwrap(), "zstd") } else { (text, "identity") };
    let headers =
        [(CONTENT_TYPE.as_str(), "application/json"), ("x-dojo-code", code), (CONTENT_ENCODING.as_str(), encoding)];
    (status, headers, text).into_response()
}

async fn echo(State(miner): State<Arc<Miner>>, method: Method, uri: Uri, headers: HeaderMap, body: Bytes) -> Response {
    let admitted = admit(&miner, &method, &uri, &headers, &body);
    let zstd = is_zstd(&headers, ACCEPT_ENCODING);
    match admitted.and_then(|()| read(&headers, &body)) {
        Ok(model) => answer(StatusCode::OK, "ok", model, None, zstd),
        Err(error) => answer(StatusCode::FORBIDDEN, "bad-signature", Empty {}, Some(error), zstd),
    }
}

fn main() {
    let receiver = std::env::args().nth(1).expect("axum-peer RECEIVER");
    let miner = Arc::new(Miner { receiver, nonces: Mutex::default() });
    let app = Router::new().fallback(echo).layer(DefaultBodyLimit::max(MAX_BODY)).with_state(miner);
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap().block_on(async {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        println!("{}", listener.local_addr().unwrap().port());
        axum::serve(listener.tap_io(|stream| _ = stream.set_nodelay(true)), app).await.unwrap();
    });
}
