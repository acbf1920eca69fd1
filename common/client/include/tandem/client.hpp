// client.hpp: an HTTP client that knows all masters of a Tandem cluster and finds the one that
// serves.
//
//   tandem::ClientOptions options;
//   options.masters = {"10.0.0.1:8080", "10.0.0.2:8080"};
//   tandem::Client client(options);
//   if (auto answer = client.Get("/orders/7")) use(answer->status, answer->body);
//   else complain(answer.error().message);
//
// A call is sent to the master that served last. A slow answer is waited for; another master is
// asked only when the first is known to be gone (its connection was refused, reset or not made in
// time, or it was silent and did not even answer whether it is alive), or says itself that it did
// not accept the request. So a call outlives a takeover. What may be sent again is decided as RFC
// 9110 §9.2.2 has it:
//  - Nothing of the request was sent, or a master says that it executed nothing (503 with
//    Retry-After and its own error code: no_worker, workers_full, primary_full, no_primary,
//    not_primary): it is sent again, whatever the method.
//  - The answer got lost, and the method is idempotent (GET, HEAD, OPTIONS, TRACE, PUT, DELETE) or
//    the caller says `retry`: it is sent again.
//  - The answer got lost, and the method is not: ClientErrorCode::outcome_unknown, never a silent
//    second execution. An Idempotency-Key changes nothing: who knows that the service honours it
//    says `retry`.
// Every answer of the service, 5xx too, is the caller's. Redirects are the caller's, but for those
// with which a standby names the primary.
//
// Any number of threads may call one Client. Connections are kept alive, at most 16 idle ones for
// each master. Addresses are HOST:PORT, an IPv6 literal in brackets; looking a host name up is the
// one thing that the deadline does not bound. No TLS. This header needs C++17 and nothing but the
// standard library. Nothing here throws but for lack of memory, and what the caller's functions
// throw.
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

namespace tandem {

// Field names compare without regard to case.
struct FieldNameLess {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const;
};
using ClientHeaders = std::multimap<std::string, std::string, FieldNameLess>;

struct ClientOptions {
  std::vector<std::string> masters;  // the client addresses (--listen) of all masters, 1 to 16
  // Of a call, all attempts together; above 0, at most a day. Of a call that streams: without a
  // byte of a body moving.
  std::chrono::milliseconds deadline{10'000};
  // A master that has been silent for so long is asked, on a connection of its own, whether it is
  // alive, and has as long to answer; if it does not, a call that may be sent again goes to the
  // next master. 0: never, nor with a single master.
  std::chrono::milliseconds probe_after{1'000};
  std::chrono::milliseconds connect_timeout{1'000};  // for one master; above 0
  std::size_t body_bytes_max = 64 * 1024 * 1024;     // of an answer that is held in memory
  ClientHeaders headers{};  // of every request that does not have a field of that name itself
  // The control addresses (--control) of some masters, up to 16. From them the client learns the
  // client addresses of all, when none that it knows serves, and watch() asks them; then `masters`
  // may be empty. No control address is ever sent a call.
  std::vector<std::string> controls{};
  std::string token{};  // presented to control addresses only: the content of --token-file
};

struct CallOptions {
  bool retry = false;  // send it again if the answer gets lost, although it may have been executed
  std::optional<std::chrono::milliseconds> deadline{};  // in place of that of the options
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

// The body of a request in pieces. Its functions are called by the thread that calls.
struct ClientBodySource {
  // Writes the next piece to `into`, `size` bytes at most (64 KiB), and returns its length; 0: that
  // was the end. Nothing: the call is given up, and so is one whose body is shorter than `length`.
  std::function<std::optional<std::size_t>(char* into, std::size_t size)> read;
  std::optional<std::uint64_t> length{};  // bytes; unknown: it is sent in chunks
  // Goes back to the beginning; false: it cannot. Without it, what was taken cannot be sent again:
  // then a lost answer is outcome_unknown also for idempotent methods. It is used three times in a
  // call at most.
  std::function<bool()> rewind{};
};

// Takes the body of an answer in pieces. While a function of it runs nothing is read, so that who
// takes slowly slows the sender down. Its functions are called by the thread that calls.
struct ClientBodySink {
  std::function<bool(const ClientResponse&)> head{};  // first: status and fields; may be empty
  std::function<bool(std::string_view piece)> write;  // each false: the call is given up
};

struct ClientStreams {
  std::optional<ClientBodySource> source{};  // none: no body
  std::optional<ClientBodySink> sink{};      // none: the answer is held in memory
};

enum class ClientErrorCode {
  invalid,      // an option or the request is wrong, or the answer is longer than allowed
  unreachable,  // no master could be connected to until the deadline: nothing was sent
  deadline,     // no whole answer until the deadline; the request is idempotent, or was repeated
  outcome_unknown,  // the answer got lost: the request has been executed, or not
  cut_off,          // the answer broke off after its beginning had been given to the sink
  given_up,         // by the caller's source or sink
};
const char* to_string(ClientErrorCode code);

struct ClientError {
  ClientErrorCode code = ClientErrorCode::invalid;
  std::string message;  // one sentence that names the masters and what came of each
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
  // REQUIRES: there is none
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
  std::vector<ServiceWorker> workers;  // by name; none for a service that nobody knows
  std::string master;                  // the control address of the one that said so
};

struct WatchOptions {
  std::chrono::milliseconds interval{1'000};  // between two looks; above 0, at most a day
  std::chrono::milliseconds timeout{1'000};   // of asking a master; then the next one is; above 0
  // Called once when looks begin to fail, and again only after one that did not. May be empty.
  std::function<void(const ClientError&)> failed{};
};

// Looks at a service until it is stopped, on a thread of its own. It does not need its Client.
class ServiceWatch {
 public:
  ~ServiceWatch();  // stops. REQUIRES: not called by one of its own functions
  ServiceWatch(const ServiceWatch&) = delete;
  ServiceWatch& operator=(const ServiceWatch&) = delete;

  // No function is called after this has returned. It waits for the one that is running and for
  // the master that is being asked, `timeout` at most; called by a function of the watch itself it
  // returns at once, and that call is the last.
  void stop();

 private:
  friend class Client;
  class Body;
  explicit ServiceWatch(std::unique_ptr<Body> body);
  std::unique_ptr<Body> body_;
};

class Client {
 public:
  // With options that are wrong, every call fails with `invalid` and says which.
  explicit Client(ClientOptions options);
  ~Client();
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;

  // `path` is the target as it goes out: begins with '/', percent-encoded, query included.
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

  // Any method but CONNECT. Connection, Content-Length, Expect, TE, Transfer-Encoding and Upgrade
  // are the client's own: with one of them the call is `invalid`. Host may be given.
  ClientResult send(const std::string& method, const std::string& path,
                    const ClientHeaders& headers, const std::string& body,
                    const CallOptions& call = {});

  // The same with bodies in pieces, of any length, in bounded memory. A source is asked for its
  // first piece when a worker has said that it wants it (100 Continue), or has kept silent about
  // that for three seconds: until then the call can go to another master as any other. An answer
  // that comes before the body has been sent ends the sending.
  ClientResult stream(const std::string& method, const std::string& path,
                      const ClientHeaders& headers, const ClientStreams& streams,
                      const CallOptions& call = {});

  // Calls `changed` with the workers of a service, once at the beginning and then whenever they are
  // others, by the thread of the watch. The primary is asked, a standby while there is none; so the
  // watch follows a takeover. While nobody answers the workers stay what they were. With options
  // that are wrong, without `controls` for instance, `failed` is called and nothing else happens.
  std::unique_ptr<ServiceWatch> watch(const std::string& service,
                                      std::function<void(const ServiceView&)> changed,
                                      const WatchOptions& options = {});

 private:
  class Body;
  std::unique_ptr<Body> body_;
};

}  // namespace tandem
