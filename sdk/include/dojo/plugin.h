/*
 * The plugin ABI, version 1. C11, no other headers than these two. docs/plugin-abi.md explains it
 * at length.
 *
 * A plugin is a shared object that exports one data symbol, `dojo_plugin_entry`. Everything else
 * goes through tables.
 *
 * Growing: ABI majors must match. Within a major, structs only grow at their end; `struct_size`
 * says how much of a struct its maker knew, and a reader uses min(struct_size, what it knows
 * itself); a missing tail is zero.
 *
 * Spans are not terminated. Texts are UTF-8, JSON is JSON text. No pointer but those of the tables
 * crosses, and nothing in them that could not cross a process boundary: ids and bytes.
 *
 * Threads. [control] calls to one plugin come one at a time, from whatever thread the host uses for
 * control. [worker] calls come from several threads at once. [any] may be called from any thread at
 * any time between create and the return of destroy. No exception may leave a function of either
 * side.
 */
#ifndef DOJO_PLUGIN_H
#define DOJO_PLUGIN_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define DOJO_ABI_MAJOR 1
#define DOJO_ABI_MINOR 1

/* Bytes behind dojo_request.body that may be read, whatever they hold: some JSON parsers look
 * ahead. */
#define DOJO_BODY_PADDING 64

/* What functions return. */
enum {
  DOJO_OK = 0,
  DOJO_FAILED = 1,  /* it failed; where there is an error buffer, it says why */
  DOJO_STALE = 2,   /* the request is answered already: nothing was touched */
  DOJO_INVALID = 3, /* an argument breaks the rules of this header */
  DOJO_UNKNOWN = 4, /* there is no such thing, or the plugin does not do this */
  DOJO_REFUSED = 5, /* a hook: this caller may not; the error buffer says why */
  DOJO_FULL = 6     /* a stream's reader is behind: nothing was taken, see dojo_host.write */
};

/* Levels of dojo_host.log. */
enum { DOJO_LOG_DEBUG = 0, DOJO_LOG_INFO = 1, DOJO_LOG_WARNING = 2, DOJO_LOG_ERROR = 3 };

/* Bytes that somebody else owns. data may be NULL when size is 0. */
typedef struct dojo_span {
  const char* data;
  size_t size;
} dojo_span;

/* A text buffer of the caller's, for the reason of a failure. The callee writes at most `capacity`
 * bytes to `data` and sets `size` to what it wrote. Never NULL where a function takes one. */
typedef struct dojo_error {
  char* data;
  size_t capacity;
  size_t size;
} dojo_error;

/* Names one request from dojo_plugin.handle until it is completed; never used twice while a plugin
 * lives, never 0. */
typedef uint64_t dojo_request_id;

/* A request, whole and admitted: its signature is good and it is decompressed.
 * Owner: the host. The struct lives until handle() returns, what its spans point to until the
 * request is completed (also if its deadline has passed meanwhile and the host has answered for the
 * plugin). */
typedef struct dojo_request {
  uint32_t struct_size;
  uint32_t route;     /* index into dojo_plugin.routes */
  dojo_request_id id; /* 0 in a hook: there is nothing to complete */
  dojo_span body;     /* JSON text, not yet looked at, or of a raw route whatever came, but no
                         longer compressed; DOJO_BODY_PADDING more bytes may be read */
  dojo_span hotkey;   /* the caller's SS58 address */
  dojo_span dialect;  /* how it was signed: "legacy", "dojo/1", "epistula/2", "btauth/1"; there may
                         be more */
  dojo_span peer;     /* the caller's IP address */
  dojo_span trace;    /* the x-request-id, for logs */
  uint64_t deadline_ns; /* on the clock of dojo_host.now_ns: the host answers 504 then, or up to
                           20 ms later */
  /* Since 1.1. */
  dojo_span method; /* "POST", in capitals */
  dojo_span target; /* what of the request's target was signed: its path, as it was sent, and in
                       dialects that sign it (btauth/1) its query */
  dojo_span fields; /* its header fields as they were sent, "name: value\r\n" for each; no dialect
                       signs them */
  double stake;     /* the caller's, as the metagraph has it; 0 where it is in none */
  int64_t uid;      /* the caller's on the subnet; -1 where it is in no metagraph */
  uint64_t flags;   /* DOJO_REQUEST_… */
  uint64_t call;    /* the same in the hooks and in handle() of this request, and in no other's
                       while the plugin lives, so that a hook may keep for handle() what it has made
                       of the body. Whether that follows is not sure: keep it to the deadline at
                       most. 0: unknown */
} dojo_request;

/* Bits of dojo_request.flags. Others may be set. */
enum {
  DOJO_REQUEST_VALIDATOR_PERMIT = 1 /* the caller has one */
};

/* What dojo_response.status may be besides 200 and an HTTP error of the handler's own, 400…599. Of
 * a raw route it may be anything from 200 on. */
enum {
  DOJO_STATUS_FAILED = 0, /* the handler failed: `error` goes to the log alone, the caller is told
                             "Internal server error (request <id>)" */
  DOJO_STATUS_INVALID_BODY =
      1, /* the request's body is not the route's model: 400, `error` is told to the caller */
  DOJO_STATUS_TOO_LARGE = 2 /* the body would take too much memory: 413, `error` is told */
};

/* An answer. */
typedef struct dojo_response {
  uint32_t struct_size;
  uint32_t status; /* 200: `body` is the answer; 400…599: `error` is told to the caller; or one of
                      the above. Of a raw route: `body` is the answer, unless there is an `error` */
  dojo_span body;  /* JSON text; empty: {}. Of a raw route any bytes */
  dojo_span error; /* UTF-8 text */
  dojo_span metadata; /* JSON object; empty: {}. Not of a raw route */
  /* NULL: the host copies the spans before complete() returns. Otherwise it may keep them until it
   * calls release(release_context), once, from [any] thread, also when complete() returns anything
   * but DOJO_OK. */
  void (*release)(void* release_context);
  void* release_context;
  /* Since 1.1. */
  dojo_span
      fields; /* of a raw route: header fields of the answer, "name: value\r\n" for each. Without a
                 content-type it is application/octet-stream. Those about the connection, its
                 length and the host's own (x-dojo-…, x-request-id, date) are left out */
  uint64_t flags; /* DOJO_RESPONSE_… */
} dojo_response;

/* Bits of dojo_response.flags. Others must not be set. */
enum {
  /* Body and metadata are JSON objects, or empty, written by what cannot write anything else: the
   * host sends them as they are, without another look. From a process of its own it looks. */
  DOJO_RESPONSE_WELL_FORMED = 1
};

/* What the host does for a plugin. Owner: the host; lives until destroy() has returned. `context`
 * is the first argument of each function. All of them are [any]. */
typedef struct dojo_host {
  uint32_t struct_size;
  uint16_t abi_major;
  uint16_t abi_minor;
  void* context;
  /* Answers a request, exactly once. DOJO_OK: answered. DOJO_STALE: it was answered already, by the
   * plugin or, past its deadline, by the host. DOJO_INVALID: the response is not one (status,
   * JSON); the caller has been told that the handler failed. */
  int32_t (*complete)(void* context, dojo_request_id id, const dojo_response* response);
  /* 1: nobody waits for the answer any more (the caller has gone, or the deadline has passed); 0
   * otherwise. The request must be completed all the same. */
  int32_t (*cancelled)(void* context, dojo_request_id id);
  /* Nanoseconds of a clock that never goes back (CLOCK_MONOTONIC). */
  uint64_t (*now_ns)(void* context);
  /* Writes a line to the host's log, under the plugin's name. `id` is the request it is about, or
   * 0. */
  void (*log)(void* context, int32_t level, dojo_request_id id, dojo_span text);
  /* Adds to a counter of the plugin's. `name`: letters, digits, '_', 1 to 64 of them; the host
   * shows it as dojo_plugin_<name>{plugin="…"}. Metrics are the host's: a new generation goes on
   * where the old one was. A plugin has 64 of them at most, more are dropped. `amount` >= 0. */
  void (*count)(void* context, dojo_span name, double amount);
  /* Puts a value into a histogram of the plugin's, named as for count(). Times are in seconds. */
  void (*observe)(void* context, dojo_span name, double value);
  /* A table of an extension of the host's, by its name and revision (DOJO_EXT_EXECUTOR), or NULL.
   */
  const void* (*extension)(void* context, const char* name);
  /* Since 1.1. Sends one chunk of the answer to a request of a DOJO_ROUTE_STREAM: a JSON object or
   * array on one line, 1 MiB at most, at most 128 levels deep. DOJO_OK: taken; the host has copied
   * it. DOJO_FULL: nothing was taken, since the caller reads slower; dojo_plugin.resume follows,
   * once, perhaps before this returns. DOJO_STALE: nobody reads it any more. DOJO_INVALID: it is no
   * chunk, or the route is none of streams. Chunks go out in the order of the calls: whoever
   * writes from several threads sees to it. In all cases complete() ends the stream: with status
   * 200, whatever its body, it was whole; with anything else it was not, which the caller can see,
   * or, if nothing was written, is told as of any other request. The request's deadline is that of
   * the first chunk. */
  int32_t (*write)(void* context, dojo_request_id id, dojo_span chunk);
} dojo_host;

/* A route: serves POST and HEAD on "/<name>", if it says nothing else. HEAD, where it is not among
 * the methods, is answered by the host: whether the request would be admitted. Owner: the plugin;
 * must live until destroy(). */
typedef struct dojo_route {
  uint32_t struct_size;
  uint32_t concurrency; /* requests handled at once at most; 0: as many as the host has workers */
  const char* name;     /* the model's name: letters, digits, '_', '-', '.'; 1 to 128 of them */
  const char* description;     /* one line for people, or NULL */
  const char* request_schema;  /* JSON Schema of the model asked with, or NULL */
  const char* response_schema; /* of the model answered with, or NULL */
  uint64_t deadline_ms;        /* 0: the host's default */
  /* Hooks, each may be NULL. [worker] They run after the host's own checks and before handle(), in
   * this order; the request is theirs to read until they return. blacklist and verify return
   * DOJO_OK to let it pass, DOJO_REFUSED with a reason that the caller is told (200 "Blacklisted:
   * …", 403), or anything else, which the caller is told as a handler's failure. */
  int32_t (*blacklist)(void* self, const struct dojo_request* request, dojo_error* reason);
  int32_t (*verify)(void* self, const struct dojo_request* request, dojo_error* reason);
  /* Of the requests that wait for a worker, one of higher priority goes first; 0 is that of a route
   * without this hook, -1000 to 1000 are told apart. Who waits rises with time. */
  int32_t (*priority)(void* self, const struct dojo_request* request);
  /* Since 1.1. */
  const char*
      path; /* "/v1/score"; "/v1/" and "*" for all paths that begin with "/v1/"; NULL: "/<name>".
               One without "*" goes before those with one, a longer one before a shorter */
  const char* methods; /* in capitals, separated by spaces: "GET POST"; NULL: POST */
  uint64_t flags;      /* DOJO_ROUTE_… */
} dojo_route;

/* Bits of dojo_route.flags. Others must not be set. */
enum {
  DOJO_ROUTE_RAW = 1,   /* takes and gives bytes: no model, no envelope */
  DOJO_ROUTE_STREAM = 2 /* answers in chunks, by dojo_host.write: response_schema is that of one.
                           Not together with DOJO_ROUTE_RAW; needs dojo_plugin.resume */
};

/* A plugin that has been created. `self` is the first argument of each function. */
typedef struct dojo_plugin {
  uint32_t struct_size;
  uint32_t route_count;
  void* self;
  const struct dojo_route*
      routes; /* an array of route_count; its stride is routes[0].struct_size */
  /* [control] Makes ready to serve: threads, connections, models in memory. */
  int32_t (*start)(void* self, dojo_error* error);
  /* [worker] Takes a request. DOJO_OK: the plugin owns it now and completes it exactly once, from
   * any thread, perhaps before handle() returns. Anything else: the host still owns it and answers
   * "Internal server error". */
  int32_t (*handle)(void* self, const dojo_request* request);
  /* [control] No handle() runs and none follows. Ends the plugin's threads; requests still open are
   * completed here or never. */
  void (*stop)(void* self);
  /* [control] The last call. Frees everything. */
  void (*destroy)(void* self);
  /* [control] A table of an extension that this plugin offers, by its name and revision
   * (DOJO_EXT_STATE …), or NULL. Lives until destroy(). May be NULL itself. */
  const void* (*extension)(void* self, const char* name);
  /* Since 1.1. [worker] There is room again for a request that write() has returned DOJO_FULL for,
   * or nobody reads it any more, which the next write() tells. May be NULL where no route streams.
   */
  void (*resume)(void* self, dojo_request_id id);
} dojo_plugin;

/* The exported symbol, `dojo_plugin_entry`. Written without constructors, so that it can be read
 * before any code runs. */
typedef struct dojo_plugin_entry_v1 {
  uint32_t struct_size;
  uint16_t abi_major;
  uint16_t abi_minor;
  const char*
      name; /* as in the config: [plugins.<name>]; letters, digits, '_', '-'; 1 to 64 of them */
  const char* version; /* for people: "1.0.0" */
  /* [control] Makes a plugin. `config` is its table of the host's config as a JSON object, {} if
   * there is none. On DOJO_OK `*plugin` points to a table of the plugin's, which lives until
   * destroy(); otherwise nothing is left behind and `error` says why. */
  int32_t (*create)(const dojo_host* host, dojo_span config, const dojo_plugin** plugin,
                    dojo_error* error);
} dojo_plugin_entry_v1;

/*
 * Extensions. A table each, found by its name and revision; a new revision is a new name.
 */

/* A plugin's: what one generation knows goes to the next when the plugin is replaced. */
#define DOJO_EXT_STATE "dojo.state/1"
typedef struct dojo_state_v1 {
  uint32_t struct_size;
  /* [control] Writes what the next generation is to know, by calls of write() in order, from this
   * thread. Requests are being handled meanwhile. DOJO_UNKNOWN: there is nothing to hand over. */
  int32_t (*save)(void* self, void (*write)(void* write_context, dojo_span bytes),
                  void* write_context, dojo_error* error);
  /* [control] After create(), before start(); not called if there is no state. Anything but DOJO_OK
   * keeps the new generation from serving. `state` lives until the call returns. */
  int32_t (*restore)(void* self, dojo_span state, dojo_error* error);
} dojo_state_v1;

/* A plugin's: whether it can do its work. */
#define DOJO_EXT_HEALTH "dojo.health/1"
typedef struct dojo_health_v1 {
  uint32_t struct_size;
  /* [control] Asked before the plugin serves, when anything but DOJO_OK and DOJO_UNKNOWN keeps it
   * from serving, and now and then while it serves, when it is shown to the operator. Requests may
   * be being handled meanwhile. */
  int32_t (*check)(void* self, dojo_error* error);
} dojo_health_v1;

/* A plugin's: a test of itself, run in a process of its own before the host loads the file. */
#define DOJO_EXT_SELFTEST "dojo.selftest/1"
typedef struct dojo_selftest_v1 {
  uint32_t struct_size;
  /* [control] After create(), without start(). Anything but DOJO_OK and DOJO_UNKNOWN refuses the
   * file. */
  int32_t (*run)(void* self, dojo_error* error);
} dojo_selftest_v1;

/* The host's: work of the plugin's own on the threads that run its handlers. */
#define DOJO_EXT_EXECUTOR "dojo.executor/1"
typedef struct dojo_executor_v1 {
  uint32_t struct_size;
  /* [any] Calls run(data, 0) once from a [worker] thread, or run(data, 1) if the plugin is stopped
   * before its turn comes. `context` is dojo_host.context. DOJO_FAILED: too much is waiting, run()
   * is not called. */
  int32_t (*post)(void* context, void (*run)(void* data, int32_t cancelled), void* data);
} dojo_executor_v1;

#if defined(__GNUC__)
#define DOJO_EXPORT __attribute__((visibility("default")))
#else
#define DOJO_EXPORT
#endif

/*
 * An ELF note says the same as the entry, for readers that must not run the plugin's code: section
 * `.note.dojo`, name "dojo", type DOJO_NOTE_TYPE, description: two 16-bit numbers (ABI major,
 * minor) and the name, zero-terminated, 64 bytes.
 */
#define DOJO_NOTE_TYPE 0x6f6a6f64

typedef struct dojo_note {
  uint32_t name_size;
  uint32_t description_size;
  uint32_t type;
  char owner[8];
  uint16_t abi_major;
  uint16_t abi_minor;
  char plugin[64];
} dojo_note;

#define DOJO_NOTE(plugin_name)                                            \
  __attribute__((section(".note.dojo"), used,                             \
                 aligned(4))) static const dojo_note dojo_plugin_note = { \
      5,                                                                  \
      sizeof(dojo_note) - offsetof(dojo_note, abi_major),                 \
      DOJO_NOTE_TYPE,                                                     \
      "dojo",                                                             \
      DOJO_ABI_MAJOR,                                                     \
      DOJO_ABI_MINOR,                                                     \
      plugin_name}

extern DOJO_EXPORT const dojo_plugin_entry_v1 dojo_plugin_entry;

#ifdef __cplusplus
}
#endif

#endif
