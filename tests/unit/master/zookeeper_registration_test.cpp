// A session that has nodes in ZooKeeper, before a server whose messages the test writes byte by
// byte.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "master/discovery/jute.hpp"
#include "master/discovery/limits.hpp"
#include "master/publication/limits.hpp"
#include "master/publication/zookeeper_names.hpp"
#include "master/publication/zookeeper_registration.hpp"

namespace tandem::master::zookeeper_registration_test {
namespace {

using Catch::Contains;

constexpr int no_node = -101;
constexpr int no_permission = -102;
constexpr int node_exists = -110;

std::string opened(int timeout = 10'000) {
  return JuteWriter().number(0).number(timeout).long_number(0x4d).text("password").frame();
}
JuteWriter reply(int request, int error = 0) {
  return JuteWriter().number(request).long_number(1).number(error);
}
std::string names(int request, const std::vector<std::string>& all) {
  auto writer = reply(request);
  writer.number(static_cast<int>(all.size()));
  for (const auto& name : all) writer.text(name);
  return writer.frame();
}

// "make /s, node /s/web/x, list /s/web, remove /s/web/y" of what is to be sent.
std::string told(std::string_view sent) {
  std::string text;
  while (!sent.empty()) {
    const auto length = static_cast<std::size_t>(*JuteReader(sent).number());
    JuteReader reader(sent.substr(4, length));
    const bool is_ephemeral = sent[3 + length] == '\1';
    sent.remove_prefix(4 + length);
    reader.number();
    const auto operation = *reader.number();
    if (!text.empty()) text += ", ";
    switch (operation) {
      case 0: text += "hello"; continue;
      case 1: text += is_ephemeral ? "node " : "make "; break;
      case 2: text += "remove "; break;
      case 8: text += "list "; break;
      case 11: text += "ping"; continue;
      case 100: text += "auth"; continue;
      case -11: text += "close"; continue;
      default: text += fmt::format("?{} ", operation); continue;
    }
    text += *reader.text();
  }
  return text;
}

const Endpoint one{"10.0.0.1", 80};
const Endpoint two{"10.0.0.2", 80};
const std::string node_of_one = "tandem-5-a-4d-10.0.0.1:80";
const std::string node_of_two = "tandem-5-a-4d-10.0.0.2:80";
const std::string of_former = "tandem-5-b-4c-10.0.0.1:80";

Publisher::Wanted wanted(const std::vector<Endpoint>& addresses) {
  PublishedEntries entries;
  for (const auto& address : addresses) entries.insert({.service = "web", .address = address});
  return {.entries = std::make_shared<const PublishedEntries>(std::move(entries)),
          .withdrawn = {},
          .spares_former = false,
          .master = {.cluster = "5", .node = "a"}};
}

struct Scene {
  explicit Scene(std::string credentials = {})
      : session({.root = "s",
                 .credentials = std::move(credentials),
                 .registered_ms = 1,
                 .may_publish = [this] { return leads; }}) {
    session.begin({"10.0.0.9", 2181});
    said();
  }
  std::string said() {
    std::string sent;
    session.pull(sent);
    return told(sent);
  }
  std::string hears(const std::string& bytes) {
    session.feed(bytes);
    return said();
  }
  std::string wants(Publisher::Wanted what) {
    session.want(std::move(what));
    return said();
  }
  // With a node for `one`, alone there.
  void settle() {
    session.want(wanted({one}));
    hears(opened());
    hears(reply(1).frame() + reply(2).frame() + reply(3).frame() + names(4, {node_of_one}));
    REQUIRE(session.is_settled());
  }
  std::string after(Duration time) {
    for (auto left = time; left > Duration::zero(); left -= limits::publication_tick) {
      session.tick();
    }
    return said();
  }

  bool leads = true;
  ZooKeeperRegistration session;
};

}  // namespace

TEST_CASE("nodes are made below their parents, and what is there is read") {
  Scene scene;
  scene.session.want(wanted({one, two}));
  CHECK(scene.hears(opened()) ==
        "make /s, make /s/web, node /s/web/" + node_of_one + ", node /s/web/" + node_of_two);
  CHECK(scene.hears(reply(1, node_exists).frame() + reply(2).frame() + reply(3).frame()) == "");
  CHECK(scene.hears(reply(4).frame()) == "list /s/web");
  CHECK_FALSE(scene.session.is_settled());
  CHECK(scene.hears(names(5, {node_of_one, node_of_two, "mine", "tandem-6-a-1-10.0.0.1:80"})) ==
        "");
  CHECK(scene.session.is_settled());
  CHECK(scene.session.held().entries == 2);
}

TEST_CASE("a node of a former session is removed once there is one in its place") {
  Scene scene;
  auto first = wanted({one});
  first.spares_former = true;
  scene.session.want(first);
  scene.hears(opened() + reply(1).frame() + reply(2).frame());
  CHECK(scene.hears(reply(3).frame()) == "list /s/web");
  const std::string of_unknown = "tandem-5-b-4c-10.0.0.2:80";
  CHECK(scene.hears(names(4, {node_of_one, of_former, of_unknown})) ==
        "remove /s/web/" + of_former);
  CHECK(scene.hears(reply(5, no_node).frame()) == "");
  CHECK(scene.session.is_settled());
  // The other one may only be unknown yet, until it is known to be gone.
  first.withdrawn.insert(two);
  CHECK(scene.wants(first) == "remove /s/web/" + of_unknown);
}

TEST_CASE("what is no longer wanted is removed, and what comes is made first") {
  Scene scene;
  scene.settle();
  CHECK(scene.wants(wanted({two})) == "node /s/web/" + node_of_two);
  CHECK(scene.hears(reply(5).frame()) == "remove /s/web/" + node_of_one);
  CHECK(scene.hears(reply(6).frame()) == "");
  CHECK(scene.session.is_settled());
  CHECK(scene.wants(wanted({two})) == "");
  CHECK(scene.session.is_settled());
}

TEST_CASE("a node that somebody has removed is made again, with its parents") {
  Scene scene;
  scene.settle();
  CHECK(scene.after(limits::publication_silence_max - 1s).find("ping") == 0);
  scene.hears(reply(-2).frame());
  scene.after(limits::publication_silence_max - 1s);
  scene.hears(reply(-2).frame());
  scene.after(limits::publication_silence_max - 1s);
  CHECK(scene.wants(wanted({one})) == "list /s/web");
  CHECK(scene.hears(names(5, {})) == "node /s/web/" + node_of_one);
  CHECK(scene.hears(reply(6, no_node).frame()) ==
        "make /s, make /s/web, node /s/web/" + node_of_one);
  scene.hears(reply(7).frame() + reply(8).frame() + reply(9).frame());
  CHECK(scene.session.is_settled());
  CHECK(scene.session.held().entries == 1);
}

TEST_CASE("others that remove nodes all the time end the session") {
  Scene scene;
  scene.session.want(wanted({one}));
  scene.hears(opened() + reply(1).frame() + reply(2).frame());
  int request = 3;
  for (int round = 0; round < 10 && !scene.session.is_over(); ++round) {
    scene.hears(reply(request, no_node).frame());
    if (round == 0) scene.hears(names(++request, {}));
    request += 3;
  }
  CHECK(scene.session.is_over());
}

TEST_CASE("a node that somebody else has is left out") {
  Scene scene;
  scene.session.want(wanted({one, two}));
  scene.hears(opened() + reply(1).frame() + reply(2).frame() + reply(3, node_exists).frame());
  scene.hears(reply(4).frame() + names(5, {node_of_two}));
  CHECK(scene.session.is_settled());
  CHECK(scene.session.held().entries == 1);
  CHECK(scene.session.held().left_out_count == 1);
}

TEST_CASE("a session that is not permitted says what") {
  Scene makes("u:p");
  makes.session.want(wanted({one}));
  CHECK_THAT(makes.hears(opened()), Contains("auth, make /s, "));
  makes.hears(reply(-4).frame() + reply(1).frame() + reply(2).frame() +
              reply(3, no_permission).frame());
  CHECK_THAT(makes.session.problem(), Contains("may not be made"));
  Scene reads;
  reads.session.want(wanted({one}));
  reads.hears(opened() + reply(1).frame() + reply(2).frame() + reply(3).frame() +
              reply(4, no_permission).frame());
  CHECK(reads.session.problem() == "/s/web may not be read");
  Scene refused("u:p");
  refused.hears(opened() + reply(-4, -115).frame());
  CHECK(refused.session.problem() == "it refuses the user");
}

TEST_CASE("a session sends nothing when its master no longer leads, even what was planned") {
  Scene scene;
  scene.session.want(wanted({one}));
  scene.hears(opened() + reply(1).frame() + reply(2).frame());
  scene.leads = false;
  CHECK(scene.hears(reply(3).frame()) == "");  // it would read, and remove what it finds
  CHECK(scene.session.is_over());
}

TEST_CASE("a session that is closed takes its nodes away, and one that is dropped says nothing") {
  Scene closes;
  closes.settle();
  closes.session.close();
  CHECK(closes.said() == "close");
  CHECK(closes.hears(reply(5).frame()) == "");
  CHECK(closes.session.is_over());
  Scene drops;
  drops.settle();
  drops.session.drop();
  CHECK(drops.said() == "");
  CHECK(drops.session.is_over());
}

TEST_CASE("a server that says nothing, or what is not ZooKeeper's, ends a session") {
  Scene silent;
  silent.settle();
  CHECK_THAT(silent.after(limits::publication_silence_max + 1s), Contains("ping, ping"));
  CHECK(silent.session.problem() == "no answer in time");
  for (const auto& bytes :
       {opened(0), opened(-1), JuteWriter().number(1).frame(), std::string("\xff\xff\xff\xff"),
        opened() + reply(7).frame(), opened() + reply(-7).frame(),
        opened() + JuteWriter().number(1).frame(),
        opened() + reply(1).frame() + reply(2).frame() + reply(3).frame() + reply(4).frame(),
        opened() + reply(1).frame() + reply(2).frame() + reply(3).frame() +
            reply(4).number(1'000'000'000).frame()}) {
    Scene scene;
    scene.session.want(wanted({one}));
    scene.session.feed(bytes);
    CHECK(scene.session.is_over());
    CHECK_FALSE(scene.session.problem().empty());
  }
}

TEST_CASE("instances are written as Curator writes them, TLS by its own port") {
  const PublishedEntry plain{.service = "web", .address = one};
  CHECK_THAT(curator_document(plain, "x", 7),
             Contains(R"({"name":"web","id":"x","address":"10.0.0.1","port":80,"sslPort":null,)"
                      R"("payload":null,"registrationTimeUTC":7,"serviceType":"DYNAMIC",)"));
  const PublishedEntry secure{.service = "web", .address = {"::1", 443}, .tls = true};
  CHECK_THAT(curator_document(secure, "x", 7),
             Contains(R"("address":"::1","port":null,"sslPort":443)"));
  const PublishingMaster us{.cluster = "5", .node = "a-b"};
  const auto id = zookeeper_id_of(secure, us, -1);
  CHECK(id == "tandem-5-a-b-ffffffffffffffff-tls-[::1]:443");
  CHECK(address_of_node(id, "5") == secure.address);
  CHECK_FALSE(address_of_node(id, "6"));
  CHECK_FALSE(address_of_node("tandem-5-", "5"));
  CHECK_FALSE(address_of_node("tandem-5-a-1-host:80", "5"));
}

}  // namespace tandem::master::zookeeper_registration_test
