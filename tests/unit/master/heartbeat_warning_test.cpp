// What a master tells a worker of its own address.
#include <catch2/catch.hpp>

#include "master/control/heartbeat_api.hpp"

namespace tandem::master::heartbeat_warning_test {
namespace {

std::string warning(const char* advertised, const char* peer) {
  wire::Heartbeat heartbeat;
  heartbeat.address = {advertised, 9001};
  return warning_for(heartbeat, peer);
}

}  // namespace

TEST_CASE("a worker on another machine that advertises a loopback address is told so") {
  CHECK(warning("127.0.0.1", "192.0.2.7").find("127.0.0.1:9001") != std::string::npos);
  CHECK(warning("::1", "192.0.2.7").find("--advertise") != std::string::npos);
  CHECK(warning("192.0.2.7", "192.0.2.7").empty());
  CHECK(warning("0.0.0.0", "192.0.2.7").empty());
}

TEST_CASE("a loopback address is right for masters on the same machine") {
  CHECK(warning("127.0.0.1", "127.0.0.1").empty());
  CHECK(warning("127.0.0.1", "::1").empty());
}

}  // namespace tandem::master::heartbeat_warning_test
