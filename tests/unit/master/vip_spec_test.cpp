#include <catch2/catch.hpp>

#include <fmt/format.h>

#include "master/vip/limits.hpp"
#include "master/vip/vip_spec.hpp"

namespace tandem::master::vip_spec_test {
namespace {

std::string refusal_of(const std::string& text) {
  const auto parsed = parse_vip(text, "--vip");
  return parsed ? std::string() : parsed.error().message;
}

std::string problem(const std::vector<std::string>& texts, const VipNeighbours& neighbours) {
  std::vector<VipSpec> vips;
  for (const auto& text : texts) vips.push_back(*parse_vip(text, "--vip"));
  const auto checked = check_vips(vips, neighbours);
  return checked ? std::string() : checked.error().message;
}

}  // namespace

TEST_CASE("an address of clients is read, and told in its usual form") {
  for (const auto& [text, told] : {
           std::pair("10.0.0.9/24@eth0", "10.0.0.9/24@eth0"),
           std::pair("10.0.0.9/32@bond0.7", "10.0.0.9/32@bond0.7"),
           std::pair("10.0.0.0/31@eth0", "10.0.0.0/31@eth0"),
           std::pair("fd00:0:0::9/64@eth0", "fd00::9/64@eth0"),
           std::pair("[FD00::9]/128@br-lan", "fd00::9/128@br-lan"),
           std::pair("203.0.113.7/24@lo", "203.0.113.7/24@lo"),
       }) {
    const auto parsed = parse_vip(text, "--vip");
    REQUIRE(parsed.ok());
    CHECK(parsed->to_string() == told);
  }
}

TEST_CASE("what is no address of one host is refused, with the reason") {
  for (const auto& [text, why] : {
           std::pair("10.0.0.9", "must be ADDRESS/LEN@INTERFACE"),
           std::pair("10.0.0.9/24", "must be ADDRESS/LEN@INTERFACE"),
           std::pair("10.0.0.9@eth0", "must be ADDRESS/LEN@INTERFACE"),
           std::pair("", "must be ADDRESS/LEN@INTERFACE"),
           std::pair("10.0.0/24@eth0", "must be an IPv4 or IPv6 address"),
           std::pair("shop.example/24@eth0", "must be an IPv4 or IPv6 address"),
           std::pair("10.0.0.9/0@eth0", "from 1 to 32"),
           std::pair("10.0.0.9/33@eth0", "from 1 to 32"),
           std::pair("10.0.0.9/x@eth0", "from 1 to 32"),
           std::pair("10.0.0.9/-1@eth0", "from 1 to 32"),
           std::pair("fd00::9/129@eth0", "from 1 to 128"),
           std::pair("10.0.0.9/24@", "name of an interface"),
           std::pair("10.0.0.9/24@a-very-long-name", "name of an interface"),
           std::pair("10.0.0.9/24@et h0", "name of an interface"),
           std::pair("10.0.0.9/24@..", "name of an interface"),
           std::pair("0.0.0.0/24@eth0", "all addresses"),
           std::pair("::/64@eth0", "all addresses"),
           std::pair("127.0.0.1/8@lo", "loopback"),
           std::pair("::1/128@lo", "loopback"),
           std::pair("224.0.0.1/24@eth0", "multicast"),
           std::pair("255.255.255.255/32@eth0", "multicast or reserved"),
           std::pair("ff02::1/64@eth0", "multicast"),
           std::pair("169.254.1.1/16@eth0", "link-local"),
           std::pair("fe80::1/64@eth0", "link-local"),
           std::pair("::ffff:10.0.0.9/120@eth0", "IPv4 address"),
           std::pair("10.0.0.0/24@eth0", "network"),
           std::pair("10.0.0.255/24@eth0", "broadcast"),
       }) {
    INFO(text);
    const auto refusal = refusal_of(text);
    CHECK(refusal.find("--vip") == 0);
    CHECK(refusal.find(why) != std::string::npos);
  }
}

TEST_CASE("an address of clients has to be served, and to be no master's own") {
  VipNeighbours all{.listen = {{"0.0.0.0", 80}}, .control = {"10.0.0.1", 7070}, .peers = {}};
  CHECK(problem({"10.0.0.9/24@eth0", "10.0.0.8/24@eth1"}, all).empty());
  CHECK(problem({"fd00::9/64@eth0"}, all).find("[::]:80") != std::string::npos);
  CHECK(problem({"10.0.0.9/24@eth0", "10.0.0.9/32@eth1"}, all).find("twice") != std::string::npos);
  CHECK(problem({"10.0.0.1/24@eth0"}, all).find("--control") != std::string::npos);
  all.peers = {{"10.0.0.2", 7070}, {"b.example", 7070}};
  CHECK(problem({"10.0.0.2/24@eth0"}, all).find("--peer") != std::string::npos);
  CHECK(problem({"10.0.0.3/24@eth0"}, all).empty());
  all.listen = {{"::", 80}};
  CHECK(problem({"10.0.0.9/24@eth0", "fd00::9/64@eth0"}, all).empty());
  all.listen = {{"10.0.0.9", 80}};
  CHECK(problem({"10.0.0.9/24@eth0"}, all).empty());
  CHECK(problem({"10.0.0.8/24@eth0"}, all).find("--listen 10.0.0.9:80") != std::string::npos);
  all.listen = {{"127.0.0.1", 8080}};
  CHECK(problem({"10.0.0.9/24@eth0"}, all).find("0.0.0.0:8080") != std::string::npos);
  all.listen.push_back({"10.0.0.9", 443});
  CHECK(problem({"10.0.0.9/24@eth0"}, all).empty());
}

TEST_CASE("there are at most so many addresses of clients") {
  const VipNeighbours all{.listen = {{"::", 80}}, .control = {"10.0.0.1", 7070}, .peers = {}};
  std::vector<std::string> vips;
  for (std::size_t i = 0; i < limits::vips_max; ++i) {
    vips.push_back(fmt::format("10.0.1.{}/24@eth0", i + 1));
  }
  CHECK(problem(vips, all).empty());
  vips.emplace_back("10.0.2.1/24@eth0");
  CHECK(problem(vips, all).find("--vip") == 0);
}

}  // namespace tandem::master::vip_spec_test
