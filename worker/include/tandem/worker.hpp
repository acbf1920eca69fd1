// worker.hpp: makes a service a member of a Tandem cluster.
//
// Two ways in. A Worker owns an HTTP server (cpp-httplib's, set up for a cluster) and registers it:
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
// A Registration is the heartbeats alone, for a service on any other HTTP stack.
//
// Heartbeats go to every master, each from a thread of its own, so that a master that hangs or is
// away delays neither the others nor the service. The service goes on serving when no master
// answers.
//
// Addresses are HOST:PORT, an IPv6 literal in brackets. This header needs C++17, and of cpp-httplib
// only names: include <httplib.h>, before or after it, where you use server(). It must be the one
// that the library was built with, with the same macros (find_package(tandem) brings them): another
// does not compile. Nothing here throws but for lack of memory.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

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

// Is called with a line for each event: "registered master=127.0.0.1:7070 node=a role=primary
// term=1". Called from the library's threads, possibly from several at once; it must not block for
// long.
using EventLog = std::function<void(Severity severity, const std::string& line)>;

// The condition of the service, for the masters.
enum class Condition {
  up,        // serves
  failing,   // is alive but cannot serve now: no new requests until it is up again
  draining,  // finishes its requests, gets no new ones
};

// What is known of one master.
struct MasterState {
  std::string address;   // as given in the options
  bool answers = false;  // the latest heartbeat was accepted
  std::string node;  // its name, role (primary | standby | candidate) and term, once it answered
  std::string role;
  std::uint64_t term = 0;
  std::string error;  // why the latest heartbeat failed; empty when it did not
};

struct RegistrationOptions {
  std::string name;  // unique in the cluster: 1 to 64 characters of A-Z a-z 0-9 . _ -
  std::string service = "default";  // a name likewise; workers of one service are interchangeable
  // The control addresses of masters, at most 5. One is enough: the primary's answers name all, and
  // with a state directory they are remembered.
  std::vector<std::string> masters;
  // Where the masters reach the service. Host 0.0.0.0 or [::] means: where the heartbeats come
  // from.
  std::string address;
  unsigned weight = 100;      // share of the traffic relative to other workers, 0 (none) to 1000
  unsigned connections = 64;  // how many connections at once the service can hold, 1 to 65535
  // 10 ms to 60 s; until a master's answer says how often it wants to hear.
  std::chrono::milliseconds heartbeat_interval{1000};
  // How many requests the service is working on: asked before each heartbeat, from several threads.
  std::function<unsigned()> in_flight;
  // The file that holds the masters' token, when they want one; readable by its owner alone.
  std::string token_file;
  // A directory of the worker's own, created when missing (mode 0700), never shared by two. With
  // one the worker can be made a witness: a voter of the cluster, which keeps its log and never
  // leads. Empty: none.
  std::string state_dir;
  // Where the masters reach the witness, a small control port beside the service. Port 0: the
  // kernel chooses one, which the state directory remembers.
  std::string witness_listen = "127.0.0.1:0";
  // An operator has removed this worker (`tandem remove`): the masters send it no more requests,
  // and no more heartbeats are sent. A new Registration brings it back. Called once, from one of
  // the library's threads; it must not call stop().
  std::function<void()> on_removed;
  // The settings of the service in the cluster for health checks, each KEY=VALUE as `tandem
  // service` has it, with spaces between: "check_path=/up check_interval=2s"; empty when there are
  // none. Called when it changes, from several threads. For who probes the service itself.
  std::function<void(const std::string& checks)> on_checks;
  // For a service that refuses requests with a lower Tandem-Term than it has seen (409, with the
  // higher one in Tandem-Term) and answers OPTIONS *. Terms are proven by keys, which the masters
  // give; the README says how. Set both or none: without them the service ignores terms.
  // The keys in force, one for each cluster whose masters have answered. Called when they change,
  // from several threads.
  std::function<void(const std::vector<std::string>& keys)> take_keys;
  // The highest term that was proven by `key`, or by any when it is empty; 0: none yet. Likewise.
  std::function<std::uint64_t(const std::string& key)> promised_term;
  EventLog log;
};

// Heartbeats for a service that runs elsewhere: in this program or in another. Any thread may call.
class Registration {
 public:
  explicit Registration(RegistrationOptions options);
  ~Registration();  // as stop()
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

  // Begins to send heartbeats and returns at once; no master needs to be there.
  // Returns a sentence that says which option is wrong, or nothing. Once.
  [[nodiscard]] std::optional<std::string> start();

  // Told to every master at once, not at the next interval.
  void set_condition(Condition condition);
  // The service is at another address from now on; told likewise. Returns what is wrong with the
  // address, or nothing. REQUIRES: numeric.
  [[nodiscard]] std::optional<std::string> set_address(const std::string& address);

  // Says bye to every master, waits for their answers (at most about two seconds), and ends.
  void stop();

  std::vector<MasterState> masters() const;

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

struct WorkerOptions {
  std::string name;  // as above; empty: the machine's name and the port
  std::string service = "default";
  std::vector<std::string> masters;    // empty: serves without a cluster
  std::string listen = "127.0.0.1:0";  // port 0: the kernel chooses one, see address()
  std::string advertise;               // where the masters reach it; empty: as `listen`
  unsigned weight = 100;
  // Connections that each master may open; only the one that leads uses them. One thread each while
  // open, and some more for direct callers.
  unsigned connections = 64;
  std::string state_dir;  // as above
  // As above; empty: where the worker listens, on a port that the kernel chooses and the state
  // directory remembers.
  std::string witness_listen;
  std::chrono::milliseconds heartbeat_interval{1000};
  std::chrono::milliseconds drain_timeout{30'000};  // stop() cuts off requests that take longer
  std::function<void()> on_removed;                 // as above; what comes is still served
  std::string token_file;                           // as above
  EventLog log;
};

class Worker {
 public:
  explicit Worker(WorkerOptions options);
  ~Worker();  // as stop()
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;

  // Register routes on it, and change its limits, before start(). It is started and stopped by the
  // worker alone: do not call its bind, listen and stop; and for set_pre_routing_handler() use
  // before_request(). As set here: bodies up to 64 MiB, 60 s without progress end a read or write,
  // idle connections are kept for 75 s, any number of requests on each.
  //
  // What differs from cpp-httplib's own server: requests are read by the masters' grammar and
  // limits (targets of 16 KiB, heads of 64 KiB, 256 fields), values of fields are as they were
  // sent. Bodies are not decoded: the handler has the bytes and Content-Encoding, whose value is in
  // capitals until a content reader has begun to read (codings have no case).
  // set_payload_max_length() is for all bodies, those in chunks and those with a content reader
  // too: 413. Ranges are the handler's affair: Range is among the fields, `ranges` is empty. What a
  // handler writes beyond the length that it announced is cut off.
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

  // Runs before routing, in the order added; the first that returns true has answered. Before
  // start().
  void before_request(std::function<bool(const httplib::Request&, httplib::Response&)> hook);

  // Listens, serves, and begins to send heartbeats. Requests of a primary that has been replaced
  // are refused with 409 before any hook or route. Returns a sentence that says what is wrong (an
  // option, an address in use), or nothing. Once.
  [[nodiscard]] std::optional<std::string> start();

  // Tells the masters to send no new requests; requests that come are still served. Any thread.
  void drain();

  // Says bye to the masters first, then finishes the requests in flight, then ends. Any thread, not
  // a request handler. Returns when all is done.
  void stop();

  // After start(): the name, the address that is listened on with its real port, and how many
  // requests are being worked on.
  std::string name() const;
  std::string address() const;
  unsigned in_flight() const;

  std::vector<MasterState> masters() const;

 private:
  class Body;
  httplib::Server& routes();
  std::unique_ptr<Body> body_;
};

}  // namespace tandem
