#include <sys/stat.h>

#include <fstream>

#include <catch2/catch.hpp>

#include "common/base/limits.hpp"
#include "common/http/bearer_token.hpp"
#include "tests/unit/master/control_fixture.hpp"
#include "tests/unit/master/temporary_directory.hpp"

using namespace tandem;
using namespace tandem::master;

namespace {

const std::string secret = "c2VjcmV0LXRva2VuLTEyMw==";

class TokenFile {
 public:
  explicit TokenFile(const std::string& content, mode_t mode = 0600)
      : path_(directory_.path() / "token") {
    std::ofstream(path_) << content;
    REQUIRE(chmod(path_.c_str(), mode) == 0);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  TemporaryDirectory directory_;
  std::filesystem::path path_;
};

}  // namespace

TEST_CASE("a token is read without the white space around it") {
  const TokenFile file("  " + secret + "\n");
  const auto token = BearerToken::load(file.path());
  REQUIRE(token.ok());
  CHECK(token->admits("Bearer " + secret));
  CHECK(token->admits("bearer " + secret));
  CHECK(token->admits("BEARER   " + secret));
}

TEST_CASE("what is not the token is not admitted") {
  const TokenFile file(secret);
  const auto token = BearerToken::load(file.path());
  REQUIRE(token.ok());
  auto last_differs = secret;
  last_differs.back() = '-';
  for (const auto& text : std::vector<std::string>{
           "", "Bearer", "Bearer ", secret, "Basic " + secret, "Bearer " + secret + "x",
           "Bearer x" + secret, "Bearer " + secret.substr(1), "Bearer " + last_differs,
           "Bear " + secret, "Bearers " + secret, " Bearer " + secret}) {
    INFO(text);
    CHECK(!token->admits(text));
  }
}

TEST_CASE("a token file that others can read is refused, with the remedy") {
  for (const mode_t mode : {0640, 0604, 0644, 0620, 0610, 0666}) {
    const TokenFile file(secret, mode);
    const auto token = BearerToken::load(file.path());
    REQUIRE(!token.ok());
    CHECK(token.error().code == ErrorCode::invalid);
    CHECK(token.error().field == "--token-file");
    CHECK(token.error().message.find("chmod 600") != std::string::npos);
    CHECK(token.error().message.find(secret) == std::string::npos);
  }
  CHECK(BearerToken::load(TokenFile(secret, 0400).path()).ok());
}

TEST_CASE("a token has a shortest and a longest length") {
  const auto of_length = [](std::size_t length) {
    return BearerToken::load(TokenFile(std::string(length, 'x') + "\r\n").path());
  };
  CHECK(!of_length(limits::token_bytes_min - 1));
  CHECK(of_length(limits::token_bytes_min));
  CHECK(of_length(limits::token_bytes_max));
  CHECK(!of_length(limits::token_bytes_max + 1));
  CHECK(!of_length(10 * limits::token_bytes_max));
  CHECK(!of_length(0));
}

TEST_CASE("a token file that is missing, a directory or several words is refused") {
  const TemporaryDirectory directory;
  CHECK(BearerToken::load(directory.path() / "none").error().field == "--token-file");
  CHECK(!BearerToken::load(directory.path()).ok());
  CHECK(!BearerToken::load(TokenFile("two words of a token").path()).ok());
  CHECK(!BearerToken::load(TokenFile("line-one-of-a-token\nline-two-of-a-token").path()).ok());
}

TEST_CASE("with a token file every path but health and readiness wants the token") {
  const TokenFile file(secret);
  ControlFixture cluster({.token_file = file.path().string()});
  ControlClient stranger(cluster.plane.address());
  for (const auto* path : {"/status", "/v1/workers", "/v1/services", "/nothing"}) {
    const auto answer = stranger.get(path);
    CHECK(answer.status == 401);
    CHECK(answer.fields.at("WWW-Authenticate").starts_with("Bearer"));
    CHECK(answer.body.find(secret) == std::string::npos);
  }
  CHECK(stranger.post("/heartbeat", heartbeat_json("w1")).status == 401);
  CHECK(stranger.get("/health").status == 200);
  CHECK(stranger.get("/ready").status == 200);
  CHECK(stranger.get("/primary").status == 200);
  CHECK(stranger.get("/standby").status == 503);
  ControlClient wrong(cluster.plane.address(), secret + "x");
  CHECK(wrong.get("/status").status == 401);
  ControlClient member(cluster.plane.address(), secret);
  CHECK(member.get("/status").body.find(R"("workers":[])") != std::string::npos);
  CHECK(member.post("/heartbeat", heartbeat_json("w1")).status == 200);
}

TEST_CASE("a control address beyond loopback is refused without a token, with what to do") {
  for (const auto* host : {"0.0.0.0", "::", "10.0.0.1"}) {
    UnwatchedPlane open({.node = "a", .control = {host, 7070}});
    const auto started = open.plane.start();
    REQUIRE(!started.ok());
    CHECK(started.error().code == ErrorCode::invalid);
    CHECK(started.error().field == "--control");
    CHECK(started.error().message.find("--token-file") != std::string::npos);
  }
  const TokenFile file(secret);
  UnwatchedPlane guarded(
      {.node = "a", .control = {"0.0.0.0", 0}, .token_file = file.path().string()});
  CHECK(guarded.plane.start().ok());
}
