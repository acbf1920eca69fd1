// client.hpp: an HTTP client that knows all masters of a Tandem cluster and finds the one that
// serves.
//
//   tandem::ClientOptions options;
//   options.masters = {"10.0.0.1:8080", "10.0.0.2:8080"};
//   tandem::Client client(options);
//   if (auto answer = client.Get("/orders/7")) use(answer->status, answer->body);
//   else complain(answer.error().message);
//
// A call is sent to the master that served last. The client waits for a slow answer; it asks
// another master only when the first is known to be gone (its connection was refused, reset or not
// made in time, or it was silent and did not even answer a liveness probe), or when that master
// says that it did not accept the request. So a call survives a takeover. Whether a request may be
// sent again is decided by RFC 9110 §9.2.2:
//  - Nothing of the request was sent, or a master says that nothing was executed (503 with
//    Retry-After and its own error code: no_worker, workers_full, primary_full, no_primary,
//    not_primary): it is sent again, whatever the method.
//  - The answer got lost, and the method is idempotent (GET, HEAD, OPTIONS, TRACE, PUT, DELETE) or
//    the caller sets `retry`: it is sent again.
//  - The answer got lost, and the method is not idempotent: ClientErrorCode::outcome_unknown, never
//    a silent second execution. An Idempotency-Key changes nothing: a caller who knows that the
//    service honours it sets `retry`.
// Every answer of the service, including 5xx, is returned to the caller. So are redirects, except
// those with which a standby names the primary.
//
// Any number of threads may call one Client. Connections are kept alive, at most 16 idle ones for
// each master. Addresses are HOST:PORT, an IPv6 literal in brackets; the deadline bounds everything
// except looking up a host name. Calls go in clear, or over TLS where the options say so; questions
// to control addresses by TLS where they name a certificate. This header needs C++17 and nothing
// but the standard library. Nothing here throws, except for lack of memory and what the caller's
// functions throw.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <tandem/cluster_certificate.hpp>

namespace tandem {

// Field names compare without regard to case.
struct FieldNameLess {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const;
};
using ClientHeaders = std::multimap<std::string, std::string, FieldNameLess>;

struct ClientOptions {
  // The client addresses of all masters, 1 to 16: those of --listen, or of --listen-tls with `tls`.
  std::vector<std::string> masters;
  // Calls go over TLS 1.2 or 1.3. The masters' certificates are verified, always: by the
  // authorities in `tls_ca`, a file in PEM, or those of the system; for `tls_name`, which is also
  // asked for by SNI, or else for the host of each address. The file is read once. With it
  // `masters` may not be empty: where masters speak TLS is not learned from control addresses.
  bool tls = false;
  std::string tls_ca{};
  std::string tls_name{};
  // For a whole call with all its attempts; above 0, at most a day. For a call that streams: the
  // longest time in which no byte of a body moves.
  std::chrono::milliseconds deadline{10'000};
  // A master that has been silent for this long is asked, on a separate connection, whether it is
  // alive, and has the same time to answer; if it does not, a call that may be sent again goes to
  // the next master. 0: never. A single master is never probed.
  std::chrono::milliseconds probe_after{1'000};
  std::chrono::milliseconds connect_timeout{1'000};  // for one master; above 0
  std::size_t body_bytes_max = 64 * 1024 * 1024;  // the limit for an answer that is held in memory
  ClientHeaders headers{};  // added to every request that has no field of that name itself
  // The control addresses (--control) of some masters, up to 16. When no master that the client
  // knows serves, it learns the client addresses of all masters from them; watch() asks them too.
  // With them `masters` may be empty. Calls are never sent to control addresses.
  std::vector<std::string> controls{};
  std::string token{};       // sent to control addresses only; a viewer token is enough
  std::string token_file{};  // or the file that it is in, readable only by its owner
  // A certificate of the cluster, of an operator or a viewer, if control addresses ask for one:
  // then they are asked over TLS, and have to be masters.
  ClusterCertificate cluster{};
  // Without it a token is sent to no other machine, since it could be heard on the way. True: it
  // is, since the network is all yours.
  bool insecure_network = false;
};

struct CallOptions {
  bool retry = false;  // send it again if the answer gets lost, although it may have been executed
  std::optional<std::chrono::milliseconds> deadline{};  // replaces that of the options
};

struct ClientResponse {
  int status = 0;
  std::string reason;
  ClientHeaders headers;
  std::string body;       // empty when a sink has taken it
  std::string master;     // HOST:PORT of the one that answered
  unsigned attempts = 0;  // requests begun, this one included

  bool has_header(std::string_view name) const { return headers.find(name) != headers.end(); }
  // The first field of that name; empty when there is none.
  std::string get_header_value(std::string_view name) const {
    const auto found = headers.find(name);
    return found == headers.end() ? std::string() : found->second;
  }
};

// The body of a request in pieces. Its functions are called on the thread that makes the call.
struct ClientBodySource {
  // Writes the next piece, at most `size` bytes (64 KiB), to `into` and returns its length; 0: the
  // end. Returning nothing ends the call with `given_up`, and so does a body that is shorter than
  // `length`.
  std::function<std::optional<std::size_t>(char* into, std::size_t size)> read;
  std::optional<std::uint64_t> length{};  // bytes; unset: it is sent in chunks
  // Goes back to the beginning; false: it cannot. Without it, pieces that were taken cannot be sent
  // again, so a lost answer is outcome_unknown even for idempotent methods. Called at most three
  // times in a call.
  std::function<bool()> rewind{};
};

// Takes the body of an answer in pieces. Nothing is read while one of its functions runs, so a slow
// sink slows the sender down. Its functions are called on the thread that makes the call.
struct ClientBodySink {
  std::function<bool(const ClientResponse&)>
      head{};  // called first, with status and fields; may be empty
  std::function<bool(std::string_view piece)> write;  // false from either: the call is given up
};

struct ClientStreams {
  std::optional<ClientBodySource> source{};  // none: no body
  std::optional<ClientBodySink> sink{};      // none: the answer is held in memory
};

enum class ClientErrorCode {
  invalid,      // an option or the request is wrong, or the answer is longer than allowed
  unreachable,  // no master could be connected to before the deadline: nothing was sent
  deadline,     // no complete answer before the deadline; the request is idempotent, or `retry` was
                // set
  outcome_unknown,  // the answer got lost: the request may have been executed or not
  cut_off,          // the answer broke off after its beginning had been passed to the sink
  given_up,         // by the caller's source or sink
};
const char* to_string(ClientErrorCode code);

struct ClientError {
  ClientErrorCode code = ClientErrorCode::invalid;
  std::string message;  // one sentence that names the masters and what happened with each
  unsigned attempts = 0;
};

// The answer, or why there is none.
class [[nodiscard]] ClientResult {
 public:
  ClientResult(ClientResponse response) : state_(std::move(response)) {}  // NOLINT: implicit
  ClientResult(ClientError error) : state_(std::move(error)) {}           // NOLINT: implicit

  explicit operator bool() const { return state_.index() == 0; }
  // REQUIRES: there is an answer
  const ClientResponse& operator*() const { return std::get<0>(state_); }
  ClientResponse& operator*() { return std::get<0>(state_); }
  const ClientResponse* operator->() const { return &std::get<0>(state_); }
  ClientResponse* operator->() { return &std::get<0>(state_); }
  // REQUIRES: there is no answer
  const ClientError& error() const { return std::get<1>(state_); }

 private:
  std::variant<ClientResponse, ClientError> state_;
};

// A worker of a service that gets traffic: it is up, and its weight is above 0.
struct ServiceWorker {
  std::string name;
  std::string address;  // HOST:PORT
  unsigned weight = 0;
};
inline bool operator==(const ServiceWorker& a, const ServiceWorker& b) {
  return a.name == b.name && a.address == b.address && a.weight == b.weight;
}

struct ServiceView {
  std::string service;
  std::vector<ServiceWorker> workers;  // sorted by name; empty for an unknown service
  std::string master;                  // the control address of the one that answered
};

struct WatchOptions {
  std::chrono::milliseconds interval{1'000};  // between two queries; above 0, at most a day
  std::chrono::milliseconds timeout{1'000};   // for one master, then the next one is asked; above 0
  // Called once when queries begin to fail, and again only after one has succeeded. May be empty.
  std::function<void(const ClientError&)> failed{};
};

// Queries a service until it is stopped, on a thread of its own. It may outlive its Client.
class ServiceWatch {
 public:
  ~ServiceWatch();  // stops. REQUIRES: not called by one of its own functions
  ServiceWatch(const ServiceWatch&) = delete;
  ServiceWatch& operator=(const ServiceWatch&) = delete;

  // No function is called after this has returned. It waits for the function that is running and
  // for the master that is being asked, at most `timeout`. Called by a function of the watch
  // itself, it returns at once, and that call is the last.
  void stop();

 private:
  friend class Client;
  class Body;
  explicit ServiceWatch(std::unique_ptr<Body> body);
  std::unique_ptr<Body> body_;
};

class Client {
 public:
  // With invalid options, every call fails with `invalid` and names the option. The files of
  // certificate and token are read here.
  explicit Client(ClientOptions options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // `path` is the target as it is sent: begins with '/', percent-encoded, with the query.
  ClientResult Get(const std::string& path, const ClientHeaders& headers = {},
                   const CallOptions& call = {});
  ClientResult Head(const std::string& path, const ClientHeaders& headers = {},
                    const CallOptions& call = {});
  ClientResult Options(const std::string& path, const ClientHeaders& headers = {},
                       const CallOptions& call = {});
  ClientResult Delete(const std::string& path, const ClientHeaders& headers = {},
                      const CallOptions& call = {});
  ClientResult Post(const std::string& path, const std::string& body,
                    const std::string& content_type, const CallOptions& call = {});
  ClientResult Post(const std::string& path, const ClientHeaders& headers, const std::string& body,
                    const std::string& content_type, const CallOptions& call = {});
  ClientResult Put(const std::string& path, const std::string& body,
                   const std::string& content_type, const CallOptions& call = {});
  ClientResult Put(const std::string& path, const ClientHeaders& headers, const std::string& body,
                   const std::string& content_type, const CallOptions& call = {});
  ClientResult Patch(const std::string& path, const std::string& body,
                     const std::string& content_type, const CallOptions& call = {});
  ClientResult Patch(const std::string& path, const ClientHeaders& headers, const std::string& body,
                     const std::string& content_type, const CallOptions& call = {});

  // Any method except CONNECT. The client itself sets Connection, Content-Length, Expect, TE,
  // Transfer-Encoding and Upgrade: a call that has one of them is `invalid`. Host may be given.
  ClientResult send(const std::string& method, const std::string& path,
                    const ClientHeaders& headers, const std::string& body,
                    const CallOptions& call = {});

  // The same with bodies in pieces, of any length, in bounded memory. The source is asked for its
  // first piece once a worker has asked for the body (100 Continue), or three seconds have passed
  // without that: until then the call can go to another master like any other. An answer that comes
  // before the whole body has been sent ends the sending.
  ClientResult stream(const std::string& method, const std::string& path,
                      const ClientHeaders& headers, const ClientStreams& streams,
                      const CallOptions& call = {});

  // Calls `changed` with the workers of a service, once at the beginning and then whenever they
  // have changed, on the watch's thread. It asks the primary, or a standby while there is none, so
  // the watch follows a takeover. While nobody answers the workers stay as they were. With invalid
  // options, for example without `controls`, `failed` is called and nothing else happens.
  std::unique_ptr<ServiceWatch> watch(const std::string& service,
                                      std::function<void(const ServiceView&)> changed,
                                      const WatchOptions& options = {});

  // Reads the files of certificate and token again: for what is asked from now on, also by watches.
  // Returns a sentence that says what is wrong, then all stays as it was; or nothing. Any thread.
  [[nodiscard]] std::optional<std::string> reload_secrets();

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

}  // namespace tandem
