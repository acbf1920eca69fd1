// The access log by itself: its lines, its rings, its file.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <fstream>
#include <iterator>
#include <thread>

#include <catch2/catch.hpp>
#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "common/base/clock.hpp"
#include "common/base/json_text.hpp"
#include "master/forward/access_log/limits.hpp"
#include "master/forward/access_log/log.hpp"
#include "temporary_directory.hpp"

namespace tandem::master::access_log_test {
namespace {

std::string escaped(std::string_view text) {
  std::string out;
  append_json_text(out, text);
  return out;
}

std::string content_of(const std::filesystem::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

// Waits, ten seconds at most, until the file has that many lines.
std::string lines_of(const std::filesystem::path& path, std::ptrdiff_t lines) {
  const auto deadline = now() + 10s;
  for (;;) {
    auto content = content_of(path);
    if (std::count(content.begin(), content.end(), '\n') >= lines || now() > deadline)
      return content;
    std::this_thread::sleep_for(1ms);
  }
}

AccessEntry entry_of(std::string_view target) {
  AccessEntry entry;
  entry.started = now();
  entry.duration = 1'234'567ns;
  entry.bytes = 128;
  entry.status = 200;
  entry.attempts = 1;
  entry.version = 11;
  entry.client = "192.0.2.1";
  entry.method = "GET";
  entry.target = target;
  entry.worker = "w1";
  entry.service = "default";
  entry.request_id = "abc";
  return entry;
}

}  // namespace

TEST_CASE("a log that ends waits once for a reader that does not read, not for each part of it") {
  TemporaryDirectory directory;
  const auto path = (directory.path() / "fifo").string();
  REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
  auto file = AccessFile::open(path);
  REQUIRE(file.ok());
  const std::string lines(limits::access_log_write_bytes, '\n');
  const std::atomic<bool> stopping{true};
  const auto deadline = now() + 20s;
  int parts = 0;
  for (; parts < 60 && now() < deadline; ++parts) file->write(lines, stopping);
  CHECK(parts == 60);
  CHECK(file->write(lines, stopping).lines_lost > 0);
  ::close(reader);
}

TEST_CASE("hostile text is escaped so that a line is always JSON") {
  CHECK(escaped("/plain?x=1") == R"("/plain?x=1")");
  CHECK(escaped("a\"b\\c") == R"("a\"b\\c")");
  CHECK(escaped("\r\n\t\x1b[31m\x7f") == R"("\u000d\u000a\u0009\u001b[31m\u007f")");
  CHECK(escaped(std::string_view("a\0b", 3)) == R"("a\u0000b")");
  CHECK(escaped("gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80") ==
        "\"gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x98\x80\"");
  CHECK(escaped("\xff\xfe") == R"("\u00ff\u00fe")");                      // never in UTF-8
  CHECK(escaped("\xc0\xaf") == R"("\u00c0\u00af")");                      // overlong
  CHECK(escaped("\xed\xa0\x80") == R"("\u00ed\u00a0\u0080")");            // a surrogate
  CHECK(escaped("\xf4\x90\x80\x80") == R"("\u00f4\u0090\u0080\u0080")");  // beyond U+10FFFF
  CHECK(escaped("\xe2\x82") == R"("\u00e2\u0082")");                      // cut short
  CHECK(escaped("\xc2\x9b") == R"("\u009b")");  // a terminal's control sequence introducer
  for (int c = 0; c < 256; ++c) {
    const std::string text(3, static_cast<char>(c));
    CHECK_NOTHROW(nlohmann::json::parse(escaped(text)));
  }
}

TEST_CASE("a line says everything, in order") {
  auto entry = entry_of("/a?b");
  entry.target_bytes = entry.target.size();
  entry.term = Term(3);
  std::string line;
  AccessLineFormat().append(line, entry, 1'714'564'800'042'999);
  CHECK(line ==
        R"({"time":"2024-05-01T12:00:00.042Z","client":"192.0.2.1","method":"GET","target":"/a?b",)"
        R"("protocol":"HTTP/1.1","status":200,"bytes":128,"duration_ms":1.234,"worker":"w1",)"
        R"("attempts":1,)"
        R"("request_id":"abc",)"
        R"("term":3,"service":"default"})"
        "\n");
}

TEST_CASE("what is not known is null") {
  std::string line;
  AccessLineFormat().append(line, AccessEntry(), 0);
  const auto document = nlohmann::json::parse(line);
  for (const auto* key :
       {"client", "method", "target", "protocol", "worker", "request_id", "term", "service"}) {
    CHECK(document[key].is_null());
  }
}

TEST_CASE("a line has the fields that were chosen, in their order") {
  auto entry = entry_of("/a");
  entry.host = "shop.example";
  entry.user_agent = "curl/\"7\"";
  entry.tls = "TLSv1.3";
  entry.route = "shop.example/a";
  entry.first_byte = 2ms;
  entry.request_bytes = 7;
  entry.trace_id = "0af7651916cd43dd8448eb211c80319c";
  const auto line_with = [&](std::string_view names) {
    const auto fields = parse_access_fields(names, "--access-log-fields");
    REQUIRE(fields.ok());
    std::string line;
    AccessLineFormat(AccessFormat::json, *fields).append(line, entry, 0);
    return line;
  };
  CHECK(line_with("status,host,status") == "{\"status\":200,\"host\":\"shop.example\"}\n");
  CHECK(line_with("user_agent,referer,tls,route,first_byte_ms,request_bytes,trace_id") ==
        R"({"user_agent":"curl/\"7\"","referer":null,"tls":"TLSv1.3","route":"shop.example/a",)"
        R"("first_byte_ms":2.000,"request_bytes":7,)"
        R"("trace_id":"0af7651916cd43dd8448eb211c80319c"})"
        "\n");
  const auto with_one_more = nlohmann::json::parse(line_with("+host"));
  CHECK(with_one_more.size() == 14);
  CHECK(with_one_more["host"] == "shop.example");
  CHECK(nlohmann::json::parse(line_with("all")).size() == 21);
}

TEST_CASE("fields that no line has are refused with those that there are") {
  for (const auto* names : {"", "statu", "status,", "status,,host", "all,status", "status host"}) {
    const auto fields = parse_access_fields(names, "--access-log-fields");
    REQUIRE_FALSE(fields.ok());
    CHECK(fields.error().message.find("--access-log-fields: \"") == 0);
    CHECK(fields.error().message.find("request_id") != std::string::npos);
  }
}

TEST_CASE(
    "the combined format is the one of Apache and nginx, and harmless whatever clients send") {
  const auto line_of = [](const AccessEntry& entry) {
    std::string line;
    AccessLineFormat(AccessFormat::combined).append(line, entry, 1'714'564'800'042'999);
    return line;
  };
  auto entry = entry_of("/a?b");
  CHECK(line_of(entry) ==
        "192.0.2.1 - - [01/May/2024:12:00:00 +0000] \"GET /a?b HTTP/1.1\" 200 128 \"-\" \"-\"\n");
  entry.referer = "https://a/";
  entry.user_agent = "x\" 1\n\x1b\xff\\";
  CHECK(line_of(entry) ==
        "192.0.2.1 - - [01/May/2024:12:00:00 +0000] \"GET /a?b HTTP/1.1\" 200 128 "
        "\"https://a/\" \"x\\x22 1\\x0A\\x1B\\xFF\\x5C\"\n");
  CHECK(line_of(AccessEntry()) == "- - - [01/May/2024:12:00:00 +0000] \"-\" 0 0 \"-\" \"-\"\n");
}

TEST_CASE("a filter takes requests for which all conditions of a clause hold") {
  AccessFilter filter;
  const auto add = [&filter](std::string_view clause) {
    REQUIRE(filter.add_clause(clause, "--access-log-filter").ok());
  };
  add("status>=500");
  add("service=default,duration_ms>1.2,method!=POST");
  auto entry = entry_of("/");
  CHECK(filter.takes(entry));
  entry.duration = 1ms;
  CHECK_FALSE(filter.takes(entry));
  entry.duration = 2ms;
  entry.method = "POST";
  CHECK_FALSE(filter.takes(entry));
  entry.status = 499;
  CHECK_FALSE(filter.takes(entry));
  entry.status = 500;
  CHECK(filter.takes(entry));

  AccessFilter other;
  REQUIRE(other.add_clause("status<400,attempts<=1,bytes=128,worker=w1", "-").ok());
  entry = entry_of("/");
  CHECK(other.takes(entry));
  entry.attempts = 2;
  CHECK_FALSE(other.takes(entry));
}

TEST_CASE("of the requests that no filter takes, one in so many is taken") {
  const auto taken_of_ten = [](AccessFilter& filter, unsigned status) {
    auto entry = entry_of("/");
    entry.status = status;
    int taken = 0;
    for (int i = 0; i < 10; ++i) taken += filter.takes(entry);
    return taken;
  };
  AccessFilter all;
  CHECK(taken_of_ten(all, 200) == 10);
  AccessFilter sampled;
  sampled.set_sample(5);
  CHECK(taken_of_ten(sampled, 200) == 2);
  AccessFilter errors;
  REQUIRE(errors.add_clause("status>=500", "-").ok());
  CHECK(taken_of_ten(errors, 200) == 0);
  errors.set_sample(5);
  CHECK(taken_of_ten(errors, 200) == 2);
  CHECK(taken_of_ten(errors, 503) == 10);
}

TEST_CASE("conditions that cannot be compared are refused in a sentence") {
  for (const auto* clause :
       {"", "status", "status~5", "status>=", "status>=5x", "status>=500,", "colour=red", "time>1",
        "service>a", "=500", "status!500", "status>=500 ,bytes>1"}) {
    AccessFilter filter;
    const auto added = filter.add_clause(clause, "--access-log-filter");
    INFO(clause);
    REQUIRE_FALSE(added.ok());
    CHECK(added.error().message.find("--access-log-filter: \"") == 0);
  }
  AccessFilter filter;
  for (std::size_t i = 0; i < limits::access_log_clauses_max; ++i) {
    REQUIRE(filter.add_clause("status=500", "-").ok());
  }
  CHECK_FALSE(filter.add_clause("status=500", "-").ok());
}

TEST_CASE("a ring gives out what was put in, in order, around its end") {
  AccessRing ring(4096);
  AccessEntry got;
  for (int round = 0; round < 1000; ++round) {
    for (int i = 0; i < 3; ++i)
      REQUIRE(ring.push(entry_of(fmt::format("/{}/{}", round, std::string(i * 150, 'x')))));
    for (int i = 0; i < 3; ++i) {
      REQUIRE(ring.pop(got));
      CHECK(got.target == fmt::format("/{}/{}", round, std::string(i * 150, 'x')));
      CHECK(got.request_id == "abc");
    }
  }
  CHECK_FALSE(ring.pop(got));
  CHECK(ring.dropped() == 0);
}

TEST_CASE("a full ring drops and counts") {
  AccessRing ring(4096);
  int pushed = 0;
  while (ring.push(entry_of("/x"))) ++pushed;
  CHECK(pushed > 10);
  CHECK_FALSE(ring.push(entry_of("/x")));
  CHECK(ring.dropped() == 2);
  AccessEntry got;
  for (int i = 0; i < pushed; ++i) REQUIRE(ring.pop(got));
  CHECK_FALSE(ring.pop(got));
  CHECK(ring.push(entry_of("/y")));
}

TEST_CASE("a target and a method are cut at their limit, and one byte less is not") {
  AccessRing ring;
  AccessEntry got;
  const std::string target(limits::access_log_target_bytes_max + 1, 't');
  auto entry = entry_of(target);
  const std::string method(limits::access_log_method_bytes_max + 1, 'M');
  entry.method = method;
  REQUIRE(ring.push(entry));
  REQUIRE(ring.pop(got));
  CHECK(got.target.size() == limits::access_log_target_bytes_max);
  CHECK(got.target_bytes == limits::access_log_target_bytes_max + 1);
  CHECK(got.method.size() == limits::access_log_method_bytes_max);
  std::string line;
  AccessLineFormat().append(line, got, 0);
  CHECK(nlohmann::json::parse(line)["target_bytes"] == 1025);
  REQUIRE(ring.push(entry_of(std::string_view(target).substr(1))));
  REQUIRE(ring.pop(got));
  CHECK(got.target.size() == got.target_bytes);
}

TEST_CASE("a ring carries entries from one thread to another whole") {
  AccessRing ring(4096);
  constexpr int entries = 100'000;
  std::thread producer([&] {
    for (int i = 0; i < entries; ++i) {
      while (!ring.push(entry_of(fmt::format("/{}", i)))) std::this_thread::yield();
    }
  });
  AccessEntry got;
  int wrong = 0;
  for (int i = 0; i < entries;) {
    if (!ring.pop(got)) continue;
    wrong += got.target != fmt::format("/{}", i) || got.worker != "w1";
    ++i;
  }
  producer.join();
  CHECK(wrong == 0);
}

TEST_CASE("entries are written, the last ones when the log ends") {
  TemporaryDirectory directory;
  const auto path = directory.path() / "access.log";
  {
    auto log = AccessLog::open({.path = path.string()}, 2);
    REQUIRE(log.ok());
    (*log)->ring(0).push(entry_of("/a"));
    (*log)->ring(1).push(entry_of("/b"));
    CHECK(std::string_view(lines_of(path, 2)).find("/b") != std::string_view::npos);
    (*log)->ring(1).push(entry_of("/last"));
  }
  CHECK(content_of(path).find("/last") != std::string::npos);
}

TEST_CASE("an access log that is a symbolic link is refused, and its target stays as it is") {
  const TemporaryDirectory directory;
  std::ofstream(directory.path() / "elsewhere") << "kept";
  std::filesystem::create_symlink(directory.path() / "elsewhere", directory.path() / "log");
  const auto log = AccessLog::open({.path = (directory.path() / "log").string()}, 1);
  REQUIRE(!log.ok());
  CHECK(log.error().message.find("symbolic links are not followed") != std::string::npos);
  CHECK(content_of(directory.path() / "elsewhere") == "kept");
}

TEST_CASE("a log that was rotated goes on in the new file when it is told to") {
  TemporaryDirectory directory;
  const auto path = directory.path() / "access.log";
  const auto old = directory.path() / "access.log.1";
  auto log = AccessLog::open({.path = path.string()}, 1);
  REQUIRE(log.ok());
  (*log)->ring(0).push(entry_of("/before"));
  lines_of(path, 1);
  std::filesystem::rename(path, old);
  (*log)->reopen();
  const auto deadline = now() + 10s;
  while (!std::filesystem::exists(path) && now() < deadline) std::this_thread::sleep_for(1ms);
  (*log)->ring(0).push(entry_of("/after"));
  CHECK(lines_of(path, 1).find("/after") != std::string::npos);
  CHECK(content_of(old).find("/before") != std::string::npos);
  CHECK(content_of(old).find("/after") == std::string::npos);
}

TEST_CASE(
    "a log that was moved away without a word is found to be, and one that was truncated goes on") {
  TemporaryDirectory directory;
  const auto path = directory.path() / "access.log";
  auto log = AccessLog::open({.path = path.string()}, 1);
  REQUIRE(log.ok());
  std::filesystem::remove(path);
  const auto deadline = now() + 10s;
  while (!std::filesystem::exists(path) && now() < deadline) std::this_thread::sleep_for(1ms);
  (*log)->ring(0).push(entry_of("/after"));
  lines_of(path, 1);
  std::filesystem::resize_file(path, 0);
  (*log)->ring(0).push(entry_of("/truncated"));
  const auto content = lines_of(path, 1);
  CHECK_NOTHROW(nlohmann::json::parse(content));
  CHECK(content.find("/truncated") != std::string::npos);
}

TEST_CASE("a path that cannot be written is refused in a sentence") {
  const auto log = AccessLog::open({.path = "/nonexistent/access.log"}, 1);
  REQUIRE_FALSE(log.ok());
  CHECK(log.error().code == ErrorCode::invalid);
  CHECK(log.error().message ==
        "--access-log: /nonexistent/access.log cannot be written: No such file or directory");
}

TEST_CASE("a disk that is full loses lines and counts them, and the log goes on") {
  auto log = AccessLog::open({.path = "/dev/full"}, 1);
  REQUIRE(log.ok());
  for (int i = 0; i < 3; ++i) REQUIRE((*log)->ring(0).push(entry_of("/x")));
  const auto deadline = now() + 10s;
  while ((*log)->lost() < 3 && now() < deadline) std::this_thread::sleep_for(1ms);
  CHECK((*log)->lost() == 3);
}

}  // namespace tandem::master::access_log_test
