// A session with ZooKeeper, before a server whose messages the test writes byte by byte.
#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "master/discovery/limits.hpp"
#include "master/discovery/zookeeper_node.hpp"
#include "master/discovery/zookeeper_session.hpp"

namespace tandem::master::zookeeper_session_test {
namespace {

using Catch::Contains;

constexpr int no_node = -101;
constexpr int no_permission = -102;

std::string opened(int timeout = 10'000) {
  return JuteWriter().number(0).number(timeout).long_number(77).text("password").frame();
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
std::string data(int request, const std::string& text) {
  return reply(request).text(text).long_number(0).frame();
}
std::string event() { return reply(-1).number(4).number(3).text("/web").frame(); }

// "children /web, data /web/a watched" of what is to be sent, without the first message.
std::string told(std::string_view sent) {
  std::string text;
  while (!sent.empty()) {
    const auto length = static_cast<std::size_t>(*JuteReader(sent).number());
    JuteReader reader(sent.substr(4, length));
    sent.remove_prefix(4 + length);
    const auto request = *reader.number();
    const auto operation = *reader.number();
    if (!text.empty()) text += ", ";
    switch (operation) {
      case 0: text += "hello"; continue;
      case 3: text += "exists "; break;
      case 4: text += "data "; break;
      case 8: text += "children "; break;
      case 11: text += "ping"; continue;
      case 100: text += "auth"; continue;
      case -11: text += "close"; continue;
      default: text += fmt::format("?{}:{} ", request, operation); continue;
    }
    text += *reader.text();
    if (reader.left() == 1 && sent.data()[-1] == '\1') text += " watched";
  }
  return text;
}

std::string told(const InstanceList& list) {
  std::string text;
  for (const auto& each : list.instances) {
    text += fmt::format("{}{}", text.empty() ? "" : " ", each.address.to_string());
  }
  return text;
}

InstanceList list_of(const std::vector<std::pair<std::string, std::string>>& nodes) {
  InstanceCollector collector;
  for (const auto& [name, text] : nodes) take_zookeeper_node(collector, name, text);
  return std::move(collector).list();
}

class Scene {
 public:
  explicit Scene(std::optional<InstanceList> known = {}, std::string credentials = {})
      : session(
            {.path = "/web", .credentials = std::move(credentials), .known = std::move(known)}) {
    session.begin({"10.0.0.9", 2181});
    said();
  }
  // What is to be sent since it was asked last.
  std::string said() {
    std::string out;
    session.pull(out);
    return told(out);
  }
  std::string hears(const std::string& bytes) {
    session.feed(bytes);
    return said();
  }
  std::string ticks(int times = 1) {
    for (int i = 0; i < times; ++i) session.tick();
    return said();
  }
  std::string answer() const {
    return session.answer() ? told(*session.answer()) : "none: " + session.problem();
  }

  ZooKeeperSession session;
};

const std::string one = "10.0.0.1:80";
const std::string two = "10.0.0.2:80";

std::string why(const std::string& name, const std::string& text) {
  const auto list = list_of({{name, text}});
  return list.skipped.empty() ? "taken as " + told(list) : list.skipped.front();
}

}  // namespace

TEST_CASE("a first list of ZooKeeper is read without watches, and its session closed") {
  Scene scene;
  CHECK(scene.hears(opened()) == "children /web");
  CHECK(scene.hears(names(1, {"b", "a"})) == "data /web/a, data /web/b");
  CHECK(scene.hears(data(2, one)) == "");
  CHECK_FALSE(scene.session.answer());
  CHECK(scene.hears(data(3, two)) == "close");
  CHECK_FALSE(scene.session.is_over());
  CHECK(scene.hears(reply(4).frame()) == "");
  CHECK(scene.session.is_over());
  CHECK(scene.answer() == one + " " + two);
}

TEST_CASE("a session of ZooKeeper reads messages that come byte by byte") {
  Scene scene;
  const auto all = opened() + names(1, {"a"}) + data(2, one) + reply(-2).frame() + reply(3).frame();
  for (const char c : all) scene.session.feed({&c, 1});
  CHECK(scene.session.is_over());
  CHECK(scene.answer() == one);
}

TEST_CASE("a later list of ZooKeeper is waited for, and one that differs already is told at once") {
  Scene waits(list_of({{"a", one}}));
  CHECK(waits.hears(opened()) == "children /web watched");
  CHECK(waits.hears(names(1, {"a"})) == "data /web/a watched");
  CHECK(waits.hears(data(2, one)) == "");
  CHECK_FALSE(waits.session.answer());
  CHECK(waits.hears(event()) == "children /web watched");
  CHECK(waits.hears(names(3, {"a", "b"})) == "data /web/a watched, data /web/b watched");
  CHECK(waits.hears(data(4, one) + data(5, two)) == "close");
  CHECK(waits.answer() == one + " " + two);

  Scene differs(list_of({{"a", one}}));
  differs.hears(opened());
  CHECK(differs.hears(names(1, {})) == "close");
  CHECK(differs.answer() == "");
}

TEST_CASE("changes that leave a list of ZooKeeper as it was are read twice a tick at most") {
  Scene scene(list_of({{one, ""}}));
  scene.hears(opened() + names(1, {one}) + data(2, ""));
  CHECK(scene.hears(event() + event()) == "children /web watched");
  CHECK(scene.hears(names(3, {one}) + data(4, "")) == "data /web/" + one + " watched");
  CHECK(scene.hears(event()) == "");
  CHECK(scene.ticks() == "ping, children /web watched");
}

TEST_CASE("a change of which ZooKeeper tells while a list is read is read after it") {
  Scene scene(list_of({{one, ""}}));
  scene.hears(opened() + names(1, {one}));
  CHECK(scene.hears(event() + data(2, "")) == "children /web watched");
}

TEST_CASE("a node that is not there has no instances, until it comes") {
  Scene first;
  first.hears(opened());
  CHECK(first.hears(reply(1, no_node).frame()) == "close");
  CHECK(first.answer() == "");

  Scene waits(InstanceList{});
  waits.hears(opened());
  CHECK(waits.hears(reply(1, no_node).frame()) == "exists /web watched");
  CHECK(waits.hears(reply(2, no_node).frame()) == "");
  CHECK(waits.hears(event()) == "children /web watched");

  Scene comes(InstanceList{});
  comes.hears(opened() + reply(1, no_node).frame());
  CHECK(comes.hears(reply(2).frame()) == "children /web watched");
}

TEST_CASE("a node that goes while a list of ZooKeeper is read, or may not be read, is left out") {
  Scene scene;
  scene.hears(opened() + names(1, {"a", "b", "c"}));
  scene.hears(reply(2, no_node).frame() + reply(3, no_permission).frame() + data(4, one));
  CHECK(scene.answer() == one);
  CHECK(scene.session.answer()->skipped == std::vector<std::string>{"b: it may not be read"});
}

TEST_CASE("a session of ZooKeeper says who asks before it asks, and what is refused") {
  Scene scene({}, "reader:secret");
  CHECK(scene.hears(opened()) == "auth, children /web");
  CHECK(scene.hears(reply(-4).frame()) == "");
  scene.hears(reply(1, no_permission).frame());
  CHECK(scene.session.is_over());
  CHECK(scene.answer() == "none: /web may not be read");

  Scene refused({}, "reader:secret");
  refused.hears(opened() + reply(-4, -115).frame());
  CHECK(refused.answer() == "none: it refuses the user");
  Scene ended;
  ended.hears(opened(0));
  CHECK(ended.answer() == "none: it refuses a session");
}

TEST_CASE("a ZooKeeper that falls silent is found out") {
  Scene opening;
  opening.ticks(limits::source_list_ticks_max);
  CHECK_FALSE(opening.session.is_over());
  opening.ticks();
  CHECK(opening.answer() == "none: no answer in time");

  Scene waiting(InstanceList{});
  waiting.hears(opened() + names(1, {}));
  for (int i = 0; i < 20; ++i) {
    CHECK(waiting.ticks() == "ping");
    waiting.hears(reply(-2).frame());
  }
  waiting.ticks(limits::source_silent_ticks_max);
  CHECK_FALSE(waiting.session.is_over());
  waiting.ticks();
  CHECK(waiting.answer() == "none: no answer in time");

  Scene drips;  // some of an answer is none
  drips.hears(opened());
  for (int i = 0; i <= limits::source_list_ticks_max; ++i) {
    drips.hears("\0");
    drips.ticks();
  }
  CHECK(drips.answer() == "none: no answer in time");

  Scene closing;  // the list is there
  closing.hears(opened() + names(1, {}));
  closing.ticks(2);
  CHECK(closing.session.is_over());
  CHECK(closing.answer() == "");
}

TEST_CASE("a session of ZooKeeper ends after a while with the list that has not changed") {
  Scene scene(list_of({{one, ""}}));
  scene.hears(opened() + names(1, {one}) + data(2, ""));
  for (int i = 1; i < limits::source_session_ticks_max; ++i) {
    scene.ticks();
    scene.hears(reply(-2).frame());
  }
  CHECK_FALSE(scene.session.answer());
  CHECK(scene.ticks() == "close");
  CHECK(scene.answer() == one);
}

TEST_CASE("what is not ZooKeeper's is no answer, and costs nothing") {
  const auto frame = [](const JuteWriter& writer) { return writer.frame(); };
  const std::vector<std::string> strange{"HTTP/1.1 400 Bad Request\r\n\r\n",
                                         std::string("\xff\xff\xff\xf0xxxx", 8),
                                         frame(JuteWriter()),
                                         frame(JuteWriter().number(0)),
                                         opened() + frame(JuteWriter().number(1)),
                                         opened() + data(2, ""),
                                         opened() + data(0, ""),
                                         opened() + reply(1).frame(),
                                         opened() + frame(reply(1).number(0x7fffffff)),
                                         opened() + frame(reply(1).number(2).number(-5)),
                                         opened() + frame(reply(1).number(1).number(100)),
                                         opened() + names(1, {"a"}) + reply(2).frame(),
                                         opened() + names(1, {"a"}) + frame(reply(2).number(-9)),
                                         opened() + names(1, {"a"}) + reply(3).frame(),
                                         opened() + names(1, {"a"}) + "\xff\xff\xff\xff"};
  for (const auto& bytes : strange) {
    CAPTURE(bytes);
    Scene scene;
    scene.hears(bytes);
    CHECK(scene.session.is_over());
    CHECK(scene.answer() == "none: its answer is not ZooKeeper's");
  }
  Scene waiting(InstanceList{});
  waiting.hears(opened() + names(1, {}));
  waiting.hears(names(2, {}));  // nobody has asked
  CHECK(waiting.answer() == "none: its answer is not ZooKeeper's");
}

TEST_CASE("answers of ZooKeeper are read up to their limit") {
  Scene scene;
  scene.hears(opened());
  const auto size = static_cast<int>(limits::source_answer_bytes_max);
  scene.session.feed(JuteWriter().number(size).frame().substr(4));
  CHECK_FALSE(scene.session.is_over());

  Scene beyond;
  beyond.hears(opened());
  beyond.session.feed(JuteWriter().number(size + 1).frame().substr(4));
  CHECK(beyond.answer() == "none: its answer is too long");

  Scene sum;  // of many answers
  const std::string half(limits::source_answer_bytes_max / 2, 'x');
  sum.hears(opened() + names(1, {"a", "b", "c"}) + data(2, half));
  CHECK_FALSE(sum.session.is_over());
  sum.hears(data(3, half));
  CHECK(sum.answer() == "none: its answer is too long");
}

TEST_CASE("of the nodes of ZooKeeper the first by their names are read, some at a time") {
  std::vector<std::string> all;
  for (std::size_t i = 0; i < limits::source_instances_max + 3; ++i) {
    all.push_back(fmt::format("10.{}.{}.1:{:05}", i / 250, i % 250, 80));
  }
  std::reverse(all.begin(), all.end());
  all.emplace_back("");
  all.emplace_back("a/b");
  Scene scene;
  scene.hears(opened());
  const auto asked = scene.hears(names(1, all));
  CHECK(std::count(asked.begin(), asked.end(), ',') ==
        static_cast<int>(limits::source_nodes_at_once) - 1);
  for (std::size_t i = 0; i < limits::source_instances_max; ++i) {
    CHECK_FALSE(scene.session.answer());
    scene.hears(data(static_cast<int>(i) + 2, ""));
  }
  REQUIRE(scene.session.answer());
  CHECK(scene.session.answer()->instances.size() == limits::source_instances_max);
  CHECK(scene.session.answer()->skipped.size() == 3);
  CHECK(told(*scene.session.answer()).find("10.0.0.1:80 ") == 0);
}

TEST_CASE("a node of ZooKeeper is an instance by its JSON, its data or its name") {
  CHECK(why("id", R"({"name":"web","id":"id","address":"10.0.0.1","port":80,"sslPort":443,
                     "payload":{"@class":"x","metadata":{}},"registrationTimeUTC":1,
                     "serviceType":"DYNAMIC","uriSpec":null,"enabled":true})") ==
        "taken as 10.0.0.1:80");
  CHECK(why("id", R"({"address":"10.0.0.1","port":null,"sslPort":443})") ==
        "taken as 10.0.0.1:443");
  CHECK(why("id", R"({"address":"::1","sslPort":443})") == "taken as [::1]:443");
  CHECK(why("id", " 10.0.0.1:80\n") == "taken as 10.0.0.1:80");
  CHECK(why("[::1]:80", "") == "taken as [::1]:80");

  CHECK_THAT(why("id", R"({"address":"10.0.0.1"})"), Contains("it has no port"));
  CHECK_THAT(why("id", R"({"address":"10.0.0.1","port":0})"), Contains("it has no port"));
  CHECK_THAT(why("id", R"({"address":"10.0.0.1","port":65536})"), Contains("it has no port"));
  CHECK_THAT(why("id", R"({"address":"10.0.0.1","port":"80"})"), Contains("it has no port"));
  CHECK_THAT(why("id", R"({"address":"10.0.0.1","port":-1,"sslPort":1})"), Contains("no port"));
  CHECK_THAT(why("id", R"({"port":80})"), Contains("it has no address"));
  CHECK_THAT(why("id", R"({"address":7,"port":80})"), Contains("it has no address"));
  CHECK_THAT(why("id", R"({"address":"web1","port":80})"), Contains("is no IP address"));
  CHECK_THAT(why("id", R"({"address":"10.0.0.1","port":80,"enabled":false})"),
             Contains("it is not enabled"));
  CHECK_THAT(why("id", "{"), Contains("id: "));
  CHECK_THAT(why("id", ""), Contains("its name"));
  CHECK_THAT(why("id", "\xff\xfe"), Contains("its data"));
  // Whatever is quoted, it is for a terminal.
  CHECK_THAT(why("i\x1b[2Jd", "\x1b[2J"), Contains("i\\x1b[2Jd: ") && Contains("\"\\x1b[2J\""));
  CHECK(why("id", std::string(1'000'000, 'x')).size() < 300);
  CHECK_THAT(why("id", "{\"a\":\"" + std::string(limits::source_node_bytes_max, 'x') + "\"}"),
             Contains("id: "));
}

}  // namespace tandem::master::zookeeper_session_test
