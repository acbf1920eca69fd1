// What a loop waits with, on real sockets, in the test's own thread.
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <string>
#include <thread>
#include <vector>

#include <catch2/catch.hpp>

#include "common/base/limits.hpp"
#include "master/forward/io/byte_stream.hpp"

namespace tandem::master::reactor_test {
namespace {

constexpr auto tick = 5ms;

// A socket of a reactor, and its peer, which blocks.
struct Pair {
  explicit Pair(Reactor& reactor, Reactor::Watch watch = Reactor::Watch::in) : ours(reactor) {
    int ends[2];
    REQUIRE(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) == 0);
    ours.socket().adopt(ends[0], watch);
    peer = ends[1];
  }
  ~Pair() { hang_up(); }
  void say(std::string_view text) {
    REQUIRE(send(peer, text.data(), text.size(), MSG_NOSIGNAL) ==
            static_cast<ssize_t>(text.size()));
  }
  void hang_up() {
    if (peer >= 0) ::close(std::exchange(peer, -1));
  }

  ByteStream ours;
  int peer = -1;
};

// Reads until the stream ends or breaks, and notes each piece.
Detached read_all(ByteStream& stream, BufferPool& pool, std::vector<std::string>& pieces,
                  ErrorCodeOs& end) {
  for (;;) {
    Buffer buffer;
    auto reading = read_some(stream, buffer, pool);
    const IoResult got = co_await reading;
    if (!got.ok()) {
      end = got.error;
      co_return;
    }
    buffer.commit(got.bytes);
    pieces.emplace_back(buffer.view());
  }
}

// Runs until nobody waits for anything; `each_tick` is called every few milliseconds.
void run(
    Reactor& reactor, const std::function<void()>& each_tick = [] {}) {
  reactor.release();
  reactor.run(tick, [&](Instant) { each_tick(); });
}

}  // namespace

TEST_CASE("a socket that cannot be watched fails those that wait for it, and nobody else") {
  Reactor reactor;
  BufferPool pool;
  std::FILE* const file = std::tmpfile();  // epoll refuses regular files
  ByteStream unwatched(Socket(reactor, dup(fileno(file)), Reactor::Watch::in_and_out));
  std::fclose(file);
  Pair pair(reactor);
  std::vector<std::string> pieces;
  ErrorCodeOs refused;
  ErrorCodeOs unwritable;
  ErrorCodeOs end;
  read_all(unwatched, pool, pieces, refused);
  [](Socket& socket, ErrorCodeOs& error) -> Detached {
    auto writable = wait_writable(socket);
    const IoResult waited = co_await writable;
    error = waited.error;
  }(unwatched.socket(), unwritable);
  read_all(pair.ours, pool, pieces, end);
  pair.say("others");
  pair.hang_up();
  run(reactor);
  CHECK(refused.value() == EPERM);
  CHECK(unwritable.value() == EPERM);
  CHECK(pieces == std::vector<std::string>{"others"});
  CHECK(end == asio::error::eof);
}

TEST_CASE("a pool that is to keep less frees what it has beyond that, and keeps no more") {
  BufferPool pool;
  const auto have = [&pool](std::size_t small, std::size_t large) {
    std::vector<Buffer> buffers;
    while (buffers.size() < small) buffers.push_back(pool.borrow());
    while (buffers.size() < small + large) buffers.push_back(pool.borrow_large());
  };
  have(4, 2);
  const auto all = 4 * limits::buffer_bytes + 2 * limits::large_buffer_bytes;
  CHECK(pool.spare_bytes() == all);
  pool.keep_spare(all);
  CHECK(pool.spare_bytes() == all);
  pool.keep_spare(3 * limits::buffer_bytes);
  CHECK(pool.spare_bytes() == 3 * limits::buffer_bytes);
  have(4, 2);
  CHECK(pool.spare_bytes() == 3 * limits::buffer_bytes);
  pool.keep_spare(0);
  CHECK(pool.spare_bytes() == 0);
  have(1, 1);
  CHECK(pool.spare_bytes() == 0);
}

TEST_CASE("a socket that is to be quiet tells its keeper before anybody is resumed") {
  Reactor reactor;
  BufferPool pool;
  Pair busy(reactor);
  Pair quiet(reactor);
  std::vector<std::string> pieces;
  ErrorCodeOs end;
  read_all(busy.ours, pool, pieces, end);
  std::size_t seen_before = 99;
  struct Keeper {
    std::size_t& seen_before;
    std::vector<std::string>& pieces;
  } keeper{seen_before, pieces};
  quiet.ours.expect_quiet(
      [](void* context) {
        const auto& self = *static_cast<Keeper*>(context);
        self.seen_before = self.pieces.size();
      },
      &keeper);
  busy.say("first in the list of events");
  quiet.say("unasked");
  busy.hang_up();
  run(reactor);
  CHECK(seen_before == 0);
  CHECK(pieces.size() == 1);
  CHECK(quiet.ours.has_stirred());
  CHECK_FALSE(quiet.ours.stays_quiet());
}

TEST_CASE("the end of a stream is noticed right behind its last bytes") {
  for (const auto watch : {Reactor::Watch::in, Reactor::Watch::in_and_out, Reactor::Watch::later}) {
    Reactor reactor;
    BufferPool pool;
    Pair pair(reactor, watch);
    std::vector<std::string> pieces;
    ErrorCodeOs end;
    read_all(pair.ours, pool, pieces, end);
    pair.say("last words");
    pair.hang_up();
    run(reactor);
    CHECK(pieces == std::vector<std::string>{"last words"});
    CHECK(end == asio::error::eof);
  }
}

TEST_CASE("bytes that come after a short read are read") {
  Reactor reactor;
  BufferPool pool;
  Pair pair(reactor);
  std::vector<std::string> pieces;
  ErrorCodeOs end;
  read_all(pair.ours, pool, pieces, end);
  pair.say("1");
  std::size_t said = 1;
  run(reactor, [&] {
    if (pieces.size() < said) return;
    if (said == 4) return pair.hang_up();
    pair.say(std::to_string(++said));
  });
  CHECK(pieces == std::vector<std::string>{"1", "2", "3", "4"});
  CHECK(end == asio::error::eof);
}

TEST_CASE("a wait for bytes holds no buffer") {
  Reactor reactor;
  BufferPool pool;
  Pair pair(reactor);
  std::vector<std::string> pieces;
  ErrorCodeOs end;
  read_all(pair.ours, pool, pieces, end);
  int ticks = 0;
  run(reactor, [&] {
    CHECK(pool.borrowed() == 0);
    if (++ticks == 2) pair.hang_up();
  });
  CHECK(end == asio::error::eof);
}

TEST_CASE("cancelling and closing resume those that wait, but not within the call") {
  for (const bool closes : {false, true}) {
    Reactor reactor;
    BufferPool pool;
    Pair pair(reactor);
    std::vector<std::string> pieces;
    ErrorCodeOs end;
    read_all(pair.ours, pool, pieces, end);
    closes ? pair.ours.close() : pair.ours.cancel();
    CHECK_FALSE(end.failed());
    run(reactor);
    CHECK(end == asio::error::operation_aborted);
    CHECK(pair.ours.is_open() != closes);
  }
}

TEST_CASE("a read of a closed socket fails at once") {
  Reactor reactor;
  BufferPool pool;
  Pair pair(reactor);
  pair.ours.close();
  std::vector<std::string> pieces;
  ErrorCodeOs end;
  read_all(pair.ours, pool, pieces, end);
  CHECK(end == asio::error::bad_descriptor);
}

TEST_CASE("a write waits for room and sends every byte once") {
  Reactor reactor;
  Pair pair(reactor);
  const std::string text(4 << 20, 'x');
  IoResult wrote;
  const auto write = [](ByteStream& stream, std::string_view bytes, IoResult& result) -> Detached {
    auto writing = write_all(stream, bytes.substr(0, 3), bytes.substr(3));
    result = co_await writing;
  };
  write(pair.ours, text, wrote);
  CHECK(wrote.bytes == 0);  // it waits
  std::size_t received = 0;
  std::thread reading([&] {
    std::vector<char> room(64 * 1024);
    while (received < text.size()) {
      const auto got = recv(pair.peer, room.data(), room.size(), 0);
      if (got > 0) received += static_cast<std::size_t>(got);
    }
  });
  run(reactor);
  reading.join();
  CHECK(wrote.ok());
  CHECK(wrote.bytes == text.size());
}

TEST_CASE("what other threads post runs in their order, each once") {
  Reactor reactor;
  constexpr int each = 1000;
  std::vector<int> seen(2, 0);
  bool in_order = true;
  int left = 2 * each;
  std::vector<std::thread> posters;
  for (std::size_t poster = 0; poster < 2; ++poster) {
    posters.emplace_back([&, poster] {
      for (int number = 0; number < each; ++number) {
        reactor.post([&, poster, number] {
          in_order = in_order && seen[poster]++ == number;
          if (--left == 0) reactor.release();
        });
      }
    });
  }
  reactor.run(tick, [](Instant) {});
  for (auto& poster : posters) poster.join();
  CHECK(in_order);
  CHECK(left == 0);
}

}  // namespace tandem::master::reactor_test
