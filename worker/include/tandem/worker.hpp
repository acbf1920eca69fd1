// worker.hpp: makes a service a member of a Tandem cluster.
//
// There are two ways. A Worker owns an HTTP server (cpp-httplib's, set up for a cluster) and
// registers it:
//
//   tandem::WorkerOptions options;
//   options.masters = {"127.0.0.1:7070", "127.0.0.1:7071"};
//   tandem::Worker worker(options);
//   worker.server().Get("/", [](const httplib::Request&, httplib::Response& response) {
//     response.set_content("hello\n", "text/plain");
//   });
//   if (auto error = worker.start()) return fail(*error);
//   ...
//   worker.stop();
//
// A Registration only sends heartbeats, for a service on any other HTTP stack.
//
// Heartbeats go to every master, each from a thread of its own, so that a master that hangs or is
// away delays neither the others nor the service. The service keeps serving when no master answers.
//
// Addresses are HOST:PORT, an IPv6 literal in brackets. This header needs C++17, and only
// declarations of cpp-httplib: include <httplib.h>, before or after it, where you use server(). It
// must be the version that the library was built with, with the same macros (find_package(tandem)
// sets them): another one does not compile. Nothing here throws, except for lack of memory.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tandem/cluster_certificate.hpp>
#include <tandem/httplib_layout.hpp>

namespace httplib {
class Server;
struct Request;
struct Response;
}  // namespace httplib

namespace tandem {

#ifdef CPPHTTPLIB_VERSION
static_assert(std::string_view(CPPHTTPLIB_VERSION) == detail::httplib_version,
              "libtandem_worker was built with another version of cpp-httplib than this one");
#endif

enum class Severity { info, warning };

// Called with a line for each event: "registered master=127.0.0.1:7070 node=a role=primary term=1".
// Called on the library's threads, possibly on several at once; it must not block for long.
using EventLog = std::function<void(Severity severity, const std::string& line)>;

// The condition of the service, as reported to the masters.
enum class Condition {
  up,        // serves
  failing,   // alive but unable to serve now: gets no new requests until it is up again
  draining,  // finishes its requests, gets no new ones
};

// What the service speaks to the masters: HTTP/1.1, or HTTP/2 without TLS (h2c by prior knowledge).
enum class Protocol { http1, http2 };

// What is known about one master.
struct MasterState {
  std::string address;   // as given in the options
  bool answers = false;  // the latest heartbeat was accepted
  std::string node;  // its name, role (primary | standby | candidate) and term, once it answered
  std::string role;
  std::uint64_t term = 0;
  std::string error;   // why the latest heartbeat failed; empty if it was accepted
  bool hangs = false;  // no heartbeat has begun or ended for longer than any can take
};

struct RegistrationOptions {
  std::string name;  // unique in the cluster: 1 to 64 characters of A-Z a-z 0-9 . _ -
  std::string service = "default";  // likewise; workers of one service are interchangeable
  // The control addresses of masters, at most 5. One is enough: the primary's answers name all of
  // them, those of others do until it is heard, and a state directory remembers them.
  std::vector<std::string> masters;
  // Where the masters reach the service. A host 0.0.0.0 or [::] means the address that the
  // heartbeats come from.
  std::string address;
  unsigned weight = 100;  // share of the traffic relative to other workers, 0 (none) to 1000
  // How many connections the service accepts at once, 1 to 65535; of HTTP/2, how many requests.
  unsigned connections = 64;
  // Nothing: what the settings of the service in the cluster say, HTTP/1.1 by default.
  std::optional<Protocol> protocol;
  // 10 ms to 60 s; used until a master's answer sets the interval.
  std::chrono::milliseconds heartbeat_interval{1000};
  // Returns how many requests the service is working on; called before each heartbeat, on several
  // threads.
  std::function<unsigned()> in_flight;
  // The file with this worker's token, if the masters require one; readable only by its owner.
  std::string token_file;
  // If the masters have certificates; the name must be that in the certificate, and is, if it is
  // empty.
  ClusterCertificate cluster;
  // Without certificates masters, and this worker's witness, must be on this machine: what is said
  // in clear text, the token too, can be heard on the way. True: they may be anywhere, since the
  // network is all yours.
  bool insecure_network = false;
  // The service itself serves TLS 1.3 with that certificate, and asks for one of a master.
  bool serves_tls = false;
  // A directory of this worker alone, created if missing (mode 0700), never shared. With one the
  // worker can become a witness: a voter of the cluster that stores its log and never leads. Empty:
  // none.
  std::string state_dir;
  // Empty: the witness connects to the masters, and has no port. Otherwise where the masters reach
  // it, a small control port beside the service, for masters before 0.2. Port 0: the kernel chooses
  // one, which the state directory remembers.
  std::string witness_listen;
  // Called when an operator has removed this worker (`tandem remove`): the masters send it no more
  // requests, and it sends no more heartbeats. A new Registration brings it back. Called once, on
  // one of the library's threads; it must not call stop().
  std::function<void()> on_removed;
  // Called with the service's settings for health checks and its protocol, each KEY=VALUE as for
  // `tandem service`, separated by spaces: "check_path=/up check_interval=2s"; empty when there are
  // none. Called when they change, on several threads. For programs that probe the service
  // themselves.
  std::function<void(const std::string& checks)> on_checks;
  // The next two are for a service that refuses requests with a lower Tandem-Term than it has seen
  // (409, with the higher one in Tandem-Term) and answers OPTIONS *. Terms are proven with keys
  // from the masters; the README explains how. Set both or neither: without them the service
  // ignores terms. Called with the valid keys, one for each cluster whose masters have answered,
  // when they change, on several threads.
  std::function<void(const std::vector<std::string>& keys)> take_keys;
  // Returns the highest term that was proven with `key`, or with any key if it is empty; 0: none
  // yet. Called on several threads.
  std::function<std::uint64_t(const std::string& key)> promised_term;
  // Called with the names of the masters of the cluster when they change, on several threads: a
  // service that serves TLS takes the certificates of these for a master's, and of no others, such
  // as one that was removed. Empty: it is not known who they are, and all count. A master that was
  // added a moment ago is among them after the next answers; see send_now().
  std::function<void(const std::vector<std::string>& names)> on_masters;
  EventLog log;
};

// Sends heartbeats for a service that this library does not serve, in this program or another one.
// Any thread may call.
class Registration {
 public:
  explicit Registration(RegistrationOptions options);
  ~Registration();  // as stop()
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

  // Begins to send heartbeats and returns at once; no master needs to be there. Returns a sentence
  // about an invalid option, or nothing. Called once.
  [[nodiscard]] std::optional<std::string> start();

  // Sent to all masters at once, not at the next interval.
  void set_condition(Condition condition);
  // Changes the address of the service; sent likewise. Returns what is wrong with the address, or
  // nothing. REQUIRES: it is numeric.
  [[nodiscard]] std::optional<std::string> set_address(const std::string& address);

  // Reads the files of the certificate and of the token again: from the next heartbeat on they
  // count. Returns a sentence that says what is wrong, then all stays as it was; or nothing.
  [[nodiscard]] std::optional<std::string> reload_secrets();

  // Sends every master a heartbeat now, not at the next interval. Does not wait.
  void send_now();

  // Says bye to every master, waits for their answers (at most about two seconds), and ends.
  void stop();

  std::vector<MasterState> masters() const;

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

// What came with a request beside its content. With masters that have certificates, or prove their
// term, the deadline is theirs; the rest is what its client or a master says.
struct RequestContext {
  std::string request_id;  // X-Request-Id: the same in the masters' access logs; empty: none
  // To be sent along with what this service asks of others (W3C Trace Context); empty: there is
  // none, or it is malformed.
  std::string traceparent;
  std::string tracestate;
  std::string trace_id;   // 32 hexadecimal digits of traceparent
  std::string parent_id;  // 16: the span of the master's attempt
  bool sampled = false;   // whoever began the trace wants to see this request
  // Nobody waits for the answer any longer than until then (Tandem-Timeout-Ms); nothing: no limit.
  std::optional<std::chrono::steady_clock::time_point> deadline;
};

// REQUIRES: called by the handler or the hook that was given `request`, on its thread.
RequestContext context_of(const httplib::Request& request);

struct WorkerOptions {
  std::string name;  // as above; empty: the machine's name and the port
  std::string service = "default";
  std::vector<std::string> masters;    // empty: serves without a cluster
  std::string listen = "127.0.0.1:0";  // port 0: the kernel chooses one, see address()
  std::string advertise;               // where the masters reach it; empty: as `listen`
  unsigned weight = 100;
  // Connections that each master may open; only the primary uses them. Each open one needs a
  // thread; direct callers get a few more.
  unsigned connections = 64;
  std::string state_dir;  // as above
  std::string witness_listen;  // as above
  std::chrono::milliseconds heartbeat_interval{1000};
  std::chrono::milliseconds drain_timeout{30'000};  // stop() aborts requests that take longer
  std::function<void()> on_removed;                 // as above; requests that still come are served
  std::string token_file;                           // as above
  // As above. With it requests are served over TLS 1.3 alone, to callers with a certificate of the
  // cluster. Tandem-* and X-Forwarded-* fields are those of masters, and removed from others'.
  ClusterCertificate cluster;
  bool insecure_network = false;  // as above
  EventLog log;
};

class Worker {
 public:
  explicit Worker(WorkerOptions options);
  ~Worker();  // as stop()
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Register routes on it, and change its limits, before start(). Only the worker starts and stops
  // it: do not call its bind, listen and stop, and use before_request() in place of
  // set_pre_routing_handler(). Defaults: bodies up to 64 MiB, 60 s without progress end a read or
  // write, idle connections are kept for 75 s, with any number of requests on each.
  //
  // Differences from cpp-httplib's own server: requests are read with the masters' grammar and
  // limits (targets of 16 KiB, heads of 64 KiB, 256 fields), and field values are passed as sent.
  // Bodies are not decoded: the handler gets the bytes and Content-Encoding, whose value is in
  // capitals until a content reader has begun to read (codings are case-insensitive).
  // set_payload_max_length() applies to all bodies, also to chunked ones and those with a content
  // reader: 413. Ranges are left to the handler: Range is among the fields, `ranges` is empty.
  // Content beyond the length that a handler announced is cut off.
  template <class Server = httplib::Server, class Request = httplib::Request,
            class Response = httplib::Response>
  Server& server() {
    static_assert(
        sizeof(Server) == detail::httplib_server_bytes &&
            sizeof(Request) == detail::httplib_request_bytes &&
            sizeof(Response) == detail::httplib_response_bytes,
        "libtandem_worker was built with another cpp-httplib than this one, or with other "
        "CPPHTTPLIB_ macros");
    return routes();
  }

  // `hook` runs before routing, in the order added; the first one that returns true has answered.
  // Call it before start().
  void before_request(std::function<bool(const httplib::Request&, httplib::Response&)> hook);

  // Listens, serves, and begins to send heartbeats. Requests with a proven term below the highest
  // one seen come from a primary that has been replaced: they are refused with 409 before any hook
  // or route. Returns a sentence that says what is wrong (an option, an address in use), or
  // nothing. Called once.
  [[nodiscard]] std::optional<std::string> start();

  // As of a Registration. Any thread.
  [[nodiscard]] std::optional<std::string> reload_secrets();

  // Tells the masters to send no new requests; requests that still come are served. Any thread.
  void drain();

  // Says bye to the masters, finishes the requests in flight, and then ends. Any thread, but not a
  // request handler. Returns when all that is done.
  void stop();

  // Valid after start(): the name, the listening address with its actual port, and the number of
  // requests in flight.
  std::string name() const;
  std::string address() const;
  unsigned in_flight() const;

  // For the watchdog of a program: has the thread that accepts connections go round once more, and
  // returns how often it has so far. A number that stays the same is of a thread that hangs.
  std::uint64_t turns();

  std::vector<MasterState> masters() const;

 private:
  class Body;
  httplib::Server& routes();
  std::unique_ptr<Body> body_;
};

}  // namespace tandem
