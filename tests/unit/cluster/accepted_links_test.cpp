// Connections that witnesses have made to a master: how many it keeps, whose, and what ends them.
#include <algorithm>
#include <array>
#include <memory>

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include "common/cluster/limits.hpp"
#include "common/http/channel.hpp"
#include "common/wire/limits.hpp"
#include "tests/unit/cluster/members_fixture.hpp"
#include "tests/unit/master/temporary_directory.hpp"

namespace tandem::cluster::accepted_links_test {

namespace asio = boost::asio;
using asio::ip::tcp;

namespace {

// The other end of a link, byte for byte.
class Caller : public std::enable_shared_from_this<Caller> {
 public:
  enum class Answers { requests, nothing };

  Caller(asio::io_context& loop, Answers answers) : answers_(answers), socket_(loop) {
    tcp::acceptor acceptor(loop, {asio::ip::make_address("127.0.0.1"), 0});
    socket_.connect(acceptor.local_endpoint());
    made_ = std::make_shared<DetachedChannel>(acceptor.accept().release(), tcp::v4());
  }

  std::shared_ptr<DetachedChannel> begin() {
    read();
    return std::exchange(made_, nullptr);
  }
  void send(std::string_view bytes) {
    boost::system::error_code ignored;
    socket_.write_some(asio::buffer(bytes), ignored);
  }
  void end() { socket_.shutdown(tcp::socket::shutdown_send); }

  bool is_greeted() const { return asked_ > 0; }
  unsigned times_asked() const { return asked_; }
  bool has_ended() const { return ended_; }
  const std::string& received() const { return received_; }

 private:
  void read() {
    socket_.async_read_some(asio::buffer(bytes_),
                            [self = shared_from_this()](auto error, std::size_t count) {
                              self->received_.append(self->bytes_.data(), count);
                              self->answer();
                              self->ended_ = bool(error);
                              if (!error) self->read();
                            });
  }
  void answer() {
    constexpr std::string_view line = "POST /cluster/messages HTTP/1.1\r\n";
    for (auto at = received_.find(line, seen_); at != std::string::npos;
         at = received_.find(line, seen_)) {
      seen_ = at + line.size();
      ++asked_;
      if (answers_ == Answers::requests) send("HTTP/1.1 204 No Content\r\n\r\n");
    }
  }

  const Answers answers_;
  tcp::socket socket_;
  std::shared_ptr<DetachedChannel> made_;
  std::array<char, 4096> bytes_{};
  std::string received_;
  std::size_t seen_ = 0;
  unsigned asked_ = 0;
  bool ended_ = false;
};

// Two masters, of which the primary is called.
class Called {
 public:
  Called()
      : a_(loop, in(directory_.path() / "a", options_of("a"))),
        b_(loop, in(directory_.path() / "b", options_of("b"))) {
    a_.start({&b_});
    b_.start({&a_});
    REQUIRE(is_served());
    master = a_.may_serve() ? &a_ : &b_;
  }

  bool await(const std::function<bool()>& condition) { return run_until(loop, condition); }
  std::shared_ptr<Caller> call(const std::string& witness,
                               Caller::Answers answers = Caller::Answers::requests) {
    auto caller = std::make_shared<Caller>(loop, answers);
    const auto link = caller->begin();
    master->node().take_link(core::NodeId(witness), std::move(*link), "127.0.0.1");
    return caller;
  }
  bool serves(const Caller& caller) {
    return await([&] { return caller.is_greeted() || caller.has_ended(); }) && caller.is_greeted();
  }
  // As many as are kept of those who do not vote.
  std::vector<std::shared_ptr<Caller>> fill() {
    std::vector<std::shared_ptr<Caller>> callers;
    for (std::size_t i = 0; i < limits::accepted_links_max; ++i) {
      callers.push_back(call(fmt::format("x{}", i)));
      REQUIRE(serves(*callers.back()));
    }
    return callers;
  }

  // That witness is registered, at a port of its own, and becomes a voter.
  void admit(const std::string& name) {
    witness_.emplace(loop,
                     in(directory_.path() / name, options_of(name, core::VoterKind::witness)));
    witness_->start({});
    const auto knows = [&](const Member& each) {
      const auto& voters = each.view().voters;
      return std::any_of(voters.begin(), voters.end(),
                         [&](const VoterView& voter) { return voter.name == name; });
    };
    REQUIRE(await([&] {
      // Again and again, because the other one may lead by now.
      for (auto* each : {&a_, &b_}) {
        each->node().set_address(core::NodeId(name), witness_->control());
        each->node().step(core::Registered{
            {{witness_->node().self(), "h", true}}, {"h1", "h2"}, each->view().commit});
      }
      return knows(a_) && knows(b_);
    }));
  }
  // The other one is called from then on, and has lost the witness's address.
  const Member& lose_master() {
    auto& left = master == &a_ ? b_ : a_;
    master->end();
    witness_->end();
    master = &left;
    left.node().set_address(core::NodeId(witness_->name()), {});
    return left;
  }
  bool is_served() {
    return await([this] { return a_.may_serve() || b_.may_serve(); });
  }

 private:
  static ClusterOptions in(const std::filesystem::path& directory, ClusterOptions options) {
    std::filesystem::create_directory(directory);
    options.directory = directory.string();
    return options;
  }

 public:
  asio::io_context loop{1};

 private:
  TemporaryDirectory directory_;
  Member a_;
  Member b_;
  std::optional<Member> witness_;

 public:
  Member* master = nullptr;
};

}  // namespace

TEST_CASE("a master keeps so many links of witnesses that do not vote, and one past it is closed") {
  Called called;
  auto callers = called.fill();
  auto late = called.call("late");
  CHECK(called.await([&] { return late->has_ended(); }));
  CHECK(late->received().empty());
  for (auto& caller : callers) CHECK_FALSE(caller->has_ended());
  // Who leaves gives up the place.
  callers.front()->end();
  REQUIRE(called.await([&] { return callers.front()->has_ended(); }));
  auto next = called.call("next");
  CHECK(called.serves(*next));
}

TEST_CASE("a witness that calls again is sent messages on its newest link alone") {
  Called called;
  auto older = called.call("w");
  REQUIRE(called.serves(*older));
  auto newer = called.call("w");
  CHECK(called.serves(*newer));
  CHECK(called.await([&] { return older->has_ended(); }));
  CHECK_FALSE(newer->has_ended());
}

TEST_CASE("names that called once keep no place of one that comes to vote") {
  Called called;
  for (std::size_t i = 0; i < 2 * limits::known_nodes_max; ++i) {
    auto caller = called.call(fmt::format("x{}", i));
    REQUIRE(called.serves(*caller));
    caller->end();
    REQUIRE(called.await([&] { return caller->has_ended(); }));
  }
  called.admit("w");
}

TEST_CASE("a witness that votes gets its link, however many others there are") {
  Called called;
  auto callers = called.fill();
  called.admit("w");
  auto voter = called.call("w");
  CHECK(called.serves(*voter));
  std::size_t ended = 0;
  CHECK(called.await([&] {
    ended = 0;
    for (auto& caller : callers) ended += caller->has_ended() ? 1 : 0;
    return ended > 0;
  }));
  CHECK(ended == 1);
}

TEST_CASE("a voter that had a port and calls is sent messages on what it made, and nowhere else") {
  Called called;
  called.admit("w");
  auto voter = called.call("w");
  CHECK(
      called.await([&] { return voter->received().find("\"messages\":[{") != std::string::npos; }));
  voter->end();  // then again where its port is
  REQUIRE(called.await([&] { return voter->has_ended(); }));
  CHECK(called.is_served());
}

TEST_CASE("a voter that connects while its vote is wanted is asked for it with the first request") {
  Called called;
  called.admit("w");
  const auto& left = called.lose_master();
  REQUIRE(called.await([&] { return !left.view().waiting.empty(); }));
  auto voter = called.call("w");
  constexpr std::string_view wanted = "\"vote_request\":";
  REQUIRE(called.await([&] {
    return voter->received().find(wanted) != std::string::npos || voter->times_asked() > 1;
  }));
  CHECK(voter->times_asked() == 1);
}

TEST_CASE("whoever answers with nonsense, or never to the end, loses the link") {
  Called called;
  const std::string said =
      GENERATE("\xff\xfe\x01 nonsense\r\n\r\n",   // no HTTP
               "HTTP/1.1 101 Switching\r\n\r\n",  // not asked for
               "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n",
               "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
               "HTTP/1.1 200 OK\r\nContent-Le");  // half a message
  auto caller = called.call("w", Caller::Answers::nothing);
  REQUIRE(called.serves(*caller));
  caller->send(said);
  CHECK(called.await([&] { return caller->has_ended(); }));
  auto again = called.call("w");
  CHECK(called.serves(*again));
  CHECK(called.is_served());
}

TEST_CASE("interim answers without end lose the link") {
  Called called;
  auto caller = called.call("w", Caller::Answers::nothing);
  REQUIRE(called.serves(*caller));
  CHECK(called.await([&] {
    caller->send("HTTP/1.1 100 Continue\r\n\r\n");
    return caller->has_ended();
  }));
}

TEST_CASE("a master takes no link in its own name, nor in another master's") {
  Called called;
  for (const auto* name : {"a", "b"}) {
    auto caller = called.call(name);
    CHECK(called.await([&] { return caller->has_ended(); }));
    CHECK(caller->received().empty());
  }
}

}  // namespace tandem::cluster::accepted_links_test
