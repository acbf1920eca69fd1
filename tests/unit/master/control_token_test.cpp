#include <sys/stat.h>

#include <fstream>

#include <catch2/catch.hpp>

#include "tests/unit/master/control_fixture.hpp"
#include "tests/unit/master/temporary_directory.hpp"

namespace tandem::master::control_token_test {
namespace {

const std::string secret = "c2VjcmV0LXRva2VuLTEyMw==";

class TokenFile {
 public:
  explicit TokenFile(const std::string& content) : path_(directory_.path() / "token") {
    std::ofstream(path_) << content;
    REQUIRE(chmod(path_.c_str(), 0600) == 0);
  }
  const std::filesystem::path& path() const { return path_; }

 private:
  TemporaryDirectory directory_;
  std::filesystem::path path_;
};

}  // namespace

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
  for (const auto* path : {"/health", "/ready", "/primary", "/standby"}) {
    CHECK(stranger.get(path).body == "{}");
  }
  ControlClient wrong(cluster.plane.address(), secret + "x");
  CHECK(wrong.get("/status").status == 401);
  ControlClient member(cluster.plane.address(), secret);
  CHECK(member.get("/status").body.find(R"("workers":[])") != std::string::npos);
  CHECK(member.get("/primary").body.find(R"("node":"a")") != std::string::npos);
  CHECK(member.post("/heartbeat", heartbeat_json("w1")).status == 200);
}

TEST_CASE("a control address beyond loopback is refused without a token, with what to do") {
  for (const auto* host : {"0.0.0.0", "::", "10.0.0.1"}) {
    UnwatchedPlane open({.node = "a", .control = {host, 7070}, .insecure_network = true});
    const auto started = open.plane.start();
    REQUIRE(!started.ok());
    CHECK(started.error().code == ErrorCode::invalid);
    CHECK(started.error().field == "--control");
    CHECK(started.error().message.find("--token-file") != std::string::npos);
  }
  const TokenFile file(secret);
  UnwatchedPlane guarded({.node = "a",
                          .control = {"0.0.0.0", 0},
                          .insecure_network = true,
                          .token_file = file.path().string()});
  CHECK(guarded.plane.start().ok());
}

}  // namespace tandem::master::control_token_test
