// An HTTP/2 session takes nothing from the heap for a request, in the steady state.
#include <sys/prctl.h>

#include <thread>

#include <catch2/catch.hpp>

#include "allocation_count.hpp"
#include "h2_frames.hpp"
#include "master/forward/http/h2/session.hpp"
#include "master/forward/http/h2/session_memory.hpp"

namespace tandem::test::allocation_h2_session_test {

using namespace tandem::master::h2;

namespace {

// Answers each request at once, and keeps its head until the stream has ended.
class Answering : public SessionEvents {
 public:
  Session* session = nullptr;
  std::size_t answered = 0;

 private:
  void on_head(Stream& stream, PooledHead head, bool) override {
    last_ = std::move(head);
    session->send_head(stream, 200, fields_, false);
    session->send_content(stream, "hello", false);
    session->send_trailers(stream, trailers_);
  }
  void on_interim(Stream&, PooledHead) override {}
  void on_content(Stream& stream, std::string_view bytes) override {
    session->consume(stream, bytes.size());
  }
  void on_trailers(Stream&, PooledHead) override {}
  void on_end(Stream&) override {}
  void on_sent(Stream&) override {}
  void on_closed(Stream&, const Closure&) override { ++answered; }
  void on_goaway(StreamId, ErrorCode) override {}
  void on_settings() override {}
  void on_ping_answered() override {}

  const std::vector<Field> fields_{{FieldKind::other, "content-type", "text/plain"},
                                   {FieldKind::other, "server", "tandem"}};
  const std::vector<Field> trailers_{{FieldKind::other, "grpc-status", "0"}};
  PooledHead last_;
};

// The same request again and again, with cookies in pieces, content and trailers.
std::string request(StreamId id) {
  return h2::headers(id, h2::block(h2::post({{"user-agent", "somebody/1.0"},
                                             {"cookie", "a=1"},
                                             {"cookie", "session=0123456789abcdef"}}))) +
         h2::data(id, "content") + h2::headers(id, h2::block({{"x-sum", "1"}}), h2::end_stream);
}

}  // namespace

TEST_CASE("an HTTP/2 session allocates nothing for a request") {
  constexpr int rounds = 1'000;
  std::vector<std::string> requests;
  for (int i = 0; i < 2 * rounds; ++i) requests.push_back(request(2 * i + 1));
  std::size_t answered = 0;
  std::size_t allocated = 0;
  std::thread loop([&] {
    prctl(PR_SET_NAME, "forward-test");
    SessionMemory memory;
    Answering answering;
    Session session(Role::server, memory, answering);
    answering.session = &session;
    master::BufferPool buffers;
    session.feed(std::string(h2::preface) + h2::settings(), Instant());
    for (int i = 0; i < 2 * rounds; ++i) {
      if (i == rounds) start_counting();
      auto out = buffers.borrow();
      session.feed(requests[i], Instant());
      session.pull(out);
    }
    allocated = stop_counting();
    answered = answering.answered;
    session.abandon();
  });
  loop.join();
  INFO(allocation_sites());
  CHECK(allocated == 0);
  CHECK(answered == 2 * rounds);
}

}  // namespace tandem::test::allocation_h2_session_test
