// An honest plugin that reads and writes files, prints, and says what it is told to.
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <string>

#include <dojo/plugin.hpp>

namespace {

struct Read {
  std::string path;
};
DOJO_MODEL(Read, path)
struct Write {
  std::string path;
  std::string text;
};
DOJO_MODEL(Write, path, text)
struct Print {
  std::string text;
  int times = 1;
};
DOJO_MODEL(Print, text, DOJO_DEFAULT(times))
struct Say {
  std::string text;
};
DOJO_MODEL(Say, text)
struct Variable {
  std::string name;
};
DOJO_MODEL(Variable, name)
struct Outcome {
  bool done = false;
  std::string text;
};
DOJO_MODEL(Outcome, done, text)

Outcome reads(Read request) {
  std::ifstream file(request.path, std::ios::binary);
  const bool opened = file.is_open();
  return {opened, {std::istreambuf_iterator<char>(file), {}}};
}

Outcome writes(Write request) {
  std::ofstream file(request.path, std::ios::binary);
  file << request.text << std::flush;
  return {file.good(), {}};
}

Outcome prints(Print request) {
  for (int i = 0; i < request.times; ++i) std::fprintf(stderr, "%s\n", request.text.c_str());
  return {true, {}};
}

/// In its own name, and by its answer.
Outcome says(dojo::Context& call, Say request) {
  call.log(dojo::LogLevel::info, request.text);
  throw dojo::HttpError(422, request.text);
}

Outcome tells(Variable request) {
  const char* const value = std::getenv(request.name.c_str());
  return {value != nullptr, value == nullptr ? "" : value};
}

}  // namespace

DOJO_PLUGIN("reader", "1.0.0", dojo::handle(reads), dojo::handle(writes), dojo::handle(prints),
            dojo::handle(says), dojo::handle(tells))
