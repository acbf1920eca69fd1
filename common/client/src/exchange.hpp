// exchange.hpp: one request on one connection, and the answer to it.
//
// Owner: the thread that calls.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "common/client/src/connection.hpp"
#include "common/client/src/response_reader.hpp"
#include "tandem/client.hpp"

namespace tandem::client {

// A request, without the Host field if that is the master's own address.
struct Outgoing {
  std::string method;
  std::string target;
  std::string fields;  // whole lines, after Host
  std::string_view body;
  const ClientBodySource* source = nullptr;  // in place of `body`
  const ClientBodySink* sink = nullptr;      // takes the body of the answer
  bool names_host = false;                   // Host is among the fields
  bool repeatable = false;                   // may be executed twice

  bool streams() const { return source != nullptr || sink != nullptr; }
};

// What cannot be taken back of streamed bodies, over all attempts.
struct Streamed {
  bool taken = false;      // something was taken from the source since it was rewound
  bool handed_on = false;  // something was passed to the sink
};

enum class ExchangeEnd {
  answer,
  nothing_sent,
  lost,      // a byte of the request may have been sent
  too_long,  // the answer
  given_up,  // by the source or the sink
};

struct ExchangeOutcome {
  ExchangeEnd end = ExchangeEnd::nothing_sent;
  bool timed_out = false;  // the master gave no sign of life
  bool is_dead = false;    // and was given up because of that
  bool begun = false;      // a byte of an answer came
  bool reusable = false;   // the connection can carry another request
  std::string why{};
  ClientResponse response{};  // with the body, unless that was passed to the sink
};

class Exchange {
 public:
  // All outlive it. `body_bytes_max`: of an answer that is held in memory.
  Exchange(const Outgoing& request, std::size_t body_bytes_max, Streamed& streamed,
           Connection& connection, Wait& wait);

  // `host`: of the master, for the field Host.
  ExchangeOutcome run(const std::string& host);

 private:
  enum class Sending { done, stopped, failed };

  Sending send_head(const std::string& host);
  Sending send_body();
  Sending send_piece(std::string_view framed);
  Sending ended_early(std::uint64_t so_far);
  void receive();
  void receive_body();
  Sending failed(Connection::Sent end);
  void fail(ReadEnd end);

  const Outgoing& request_;
  const std::size_t body_bytes_max_;
  Streamed& streamed_;
  Connection& connection_;
  Wait& wait_;
  ResponseReader reader_;
  ExchangeOutcome outcome_;
};

// A master says that it executed nothing, and that another master or a later request may succeed.
bool is_unserved(const ClientResponse& response, bool to_head);

// A master adds Via to answers that it passes on (RFC 9110 §7.6.3); its own answers have none.
inline bool is_of_the_master(const ClientResponse& response) { return !response.has_header("Via"); }

// Passes an answer that is in memory to the sink, if the request has one. False: the sink stops it.
bool hand_on(const Outgoing& request, ClientResponse& response, Streamed& streamed);

}  // namespace tandem::client
