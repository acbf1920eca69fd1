// answer_reader.hpp: reads the answers on a connection, as strictly as the data plane does
// (common/http1), and holds them in memory.
//
// All clients of the control plane use it. Interim responses are skipped; 101 was never asked for
// and is refused. Bytes after an answer are kept for the next one, so that several requests may be
// pending on one connection.
//
// Owner: one connection, on its loop. Always: no more than the limits of a head and of a body are
// held.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <boost/asio/awaitable.hpp>

#include "common/http/limits.hpp"
#include "common/http1/body_framing.hpp"
#include "common/http1/http_head.hpp"
#include "common/wire/limits.hpp"

namespace tandem {

class Channel;

struct HttpAnswer {
  unsigned status = 0;
  std::vector<std::pair<std::string, std::string>> fields{};  // in the order of arrival
  std::string body{};
  bool keep_alive = false;  // the connection may carry another request

  // The first field of that name, whatever its case; empty when there is none.
  std::string_view field(std::string_view name) const;
};

struct AnswerLimits {
  std::size_t head_bytes_max = limits::control_header_bytes_max;
  std::size_t body_bytes_max = limits::control_body_bytes_max;
  bool keeps_body = true;  // false: only its length counts
  // An answer of 101 was asked for; then what follows it is not HTTP, and stays in rest().
  bool may_switch = false;
};

class AnswerReader {
 public:
  enum class Status {
    incomplete,  // more bytes are needed
    complete,
    cut,        // the stream has ended before the answer was whole
    too_long,   // for the limits
    malformed,  // this is not well-formed HTTP/1.1, or was not asked for
  };

  // `to_head`: the answers are to HEAD requests, and have no body whatever their fields say.
  explicit AnswerReader(AnswerLimits limits = {}, bool to_head = false)
      : limits_(limits), to_head_(to_head) {}

  // Begins an answer: the first one, or the one after a complete one; some of its bytes may be here
  // already.
  Status begin();
  // Where to put the next bytes; then call take() with their number.
  std::span<char> room();
  Status take(std::size_t bytes);
  // The stream has ended.
  Status end_of_stream();

  bool has_begun() const { return begun_; }    // at least one byte has come
  bool has_head() const { return has_head_; }  // status and fields are known
  HttpAnswer& answer() { return answer_; }
  // What has come after the answer.
  std::string_view rest() const { return raw_; }

 private:
  Status read();
  Status read_head();
  Status read_body();

  const AnswerLimits limits_;
  const bool to_head_;
  std::string raw_;       // bytes that were not read yet; they do not move while a head is read
  std::size_t room_ = 0;  // bytes at the end of `raw_` that have not arrived
  ResponseHead head_;
  BodyReader body_;
  HttpAnswer answer_;
  std::size_t body_bytes_ = 0;
  unsigned interims_ = 0;
  bool begun_ = false;
  bool has_head_ = false;
};

// Reads the next answer to its end. `reader` and `socket` outlive it. When the socket fails, the
// status is `cut`, and `error` says why.
boost::asio::awaitable<AnswerReader::Status> read_answer(Channel& socket, AnswerReader& reader,
                                                         boost::system::error_code& error);

}  // namespace tandem
