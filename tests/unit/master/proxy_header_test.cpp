// The PROXY protocol of HAProxy, as its specification has it.
#include <catch2/catch.hpp>
#include <fmt/format.h>

#include "master/forward/client/limits.hpp"
#include "master/forward/client/proxy_header.hpp"

namespace tandem::master::proxy_header_test {

using Status = ProxyHeaderStatus;

namespace {

const std::string signature("\r\n\r\n\0\r\nQUIT\n", 12);

std::string v2(int command, int family, const std::string& block) {
  auto text = signature;
  for (const auto byte : {command, family, static_cast<int>(block.size() >> 8),
                          static_cast<int>(block.size() & 0xff)}) {
    text += static_cast<char>(byte);
  }
  return text + block;
}

const std::string v4_block("\xc0\x00\x02\x01\x0a\x00\x00\x01\x04\xd2\x01\xbb", 12);
const std::string v6_block = [] {
  std::string block("\x20\x01\x0d\xb8", 4);
  block += std::string(11, '\0') + "\x07" + std::string(15, '\0') + "\x01";
  return block + std::string("\x04\xd2\x01\xbb", 4);
}();

Status status_of(const std::string& text) {
  ProxyHeader header;
  return parse_proxy_header(text, header);
}

std::string tlv(int type, const std::string& value) {
  std::string text{static_cast<char>(type), static_cast<char>(value.size() >> 8),
                   static_cast<char>(value.size() & 0xff)};
  return text + value;
}

// PP2_TYPE_SSL.
std::string tls(int client, int verify, const std::string& tlvs) {
  return tlv(
      0x20,
      std::string{static_cast<char>(client), '\0', '\0', '\0', static_cast<char>(verify)} + tlvs);
}

const std::string unix_block(216, 'u');

std::optional<EndedTls> tls_of(const std::string& tlvs) {
  ProxyHeader header;
  CHECK(parse_proxy_header(v2(0x21, 0x11, v4_block + tlvs), header) == Status::complete);
  return header.tls;
}

// ADDRESS PORT, "-" for none, and behind a bar what follows the header.
std::string read(const std::string& text) {
  ProxyHeader header;
  const auto status = parse_proxy_header(text, header);
  if (status != Status::complete) return "?";
  const auto source = header.source ? fmt::format("{} {}", header.source->address().to_string(),
                                                  header.source->port())
                                    : std::string("-");
  return source + "|" + text.substr(header.bytes);
}

}  // namespace

TEST_CASE("version 1 is a line, and what follows it is untouched") {
  CHECK(read("PROXY TCP4 192.0.2.1 10.0.0.1 1234 443\r\nGET /") == "192.0.2.1 1234|GET /");
  CHECK(read("PROXY TCP6 2001:db8::7 ::1 0 65535\r\n\x16\x03") == "2001:db8::7 0|\x16\x03");
  CHECK(read("PROXY UNKNOWN\r\nx") == "-|x");
  CHECK(read("PROXY UNKNOWN ffff:f...f whatever 1 2\r\nx") == "-|x");
}

TEST_CASE("version 1 has one spelling") {
  for (const std::string line :
       {"PROXY TCP4 192.0.2.1 10.0.0.1 1234 443 ", "PROXY TCP4  192.0.2.1 10.0.0.1 1234 443",
        "PROXY TCP4 192.0.2.1 10.0.0.1 1234", "PROXY TCP4 192.0.2.1 10.0.0.1 1234 65536",
        "PROXY TCP4 192.0.2.1 10.0.0.1 01 443", "PROXY TCP4 192.0.2.1 10.0.0.1 -1 443",
        "PROXY TCP4 192.0.2.1 10.0.0.1 1 4x", "PROXY TCP4 192.0.2.256 10.0.0.1 1 2",
        "PROXY TCP4 192.0.2 10.0.0.1 1 2", "PROXY TCP4 2001:db8::7 ::1 1 2",
        "PROXY TCP6 192.0.2.1 10.0.0.1 1 2", "PROXY TCP6 fe80::1%eth0 ::1 1 2", "PROXY ",
        "PROXY tcp4 192.0.2.1 10.0.0.1 1 2", "PROXY UDP4 192.0.2.1 10.0.0.1 1 2",
        "PROXY TCP4\t192.0.2.1 10.0.0.1 1 2", "PROXY TCP4 192.0.2.1 10.0.0.1 1 2\n"}) {
    INFO(line);
    CHECK(status_of(line + "\r\n") == Status::malformed);
  }
  CHECK(status_of("PROXY " + std::string(200, 'x')) == Status::malformed);
  CHECK(status_of("PROXY UNKNOWN " + std::string(91, 'x') + "\r\n") == Status::complete);
  CHECK(status_of("PROXY UNKNOWN " + std::string(92, 'x') + "\r\n") == Status::malformed);
}

TEST_CASE("version 2 is binary, and says its own length") {
  CHECK(read(v2(0x21, 0x11, v4_block) + "GET /") == "192.0.2.1 1234|GET /");
  CHECK(read(v2(0x21, 0x21, v6_block) + "GET /") == "2001:db8::7 1234|GET /");
  CHECK(read(v2(0x21, 0x11, v4_block + std::string("\x03\x00\x04tlvs", 7)) + "x") ==
        "192.0.2.1 1234|x");
  CHECK(read(v2(0x20, 0x00, "") + "x") == "-|x");
  CHECK(read(v2(0x20, 0x11, v4_block) + "x") == "-|x");
  CHECK(read(v2(0x21, 0x00, "anything") + "x") == "-|x");
}

TEST_CASE("connections over what version 2 names, and nobody serves, are the sender's own") {
  for (const int family : {0x00, 0x01, 0x02}) CHECK(read(v2(0x21, family, "anything")) == "-|");
  CHECK(read(v2(0x21, 0x00, "")) == "-|");
  for (const int family : {0x10, 0x12}) CHECK(read(v2(0x21, family, v4_block) + "x") == "-|x");
  for (const int family : {0x20, 0x22}) CHECK(read(v2(0x21, family, v6_block) + "x") == "-|x");
  for (const int family : {0x30, 0x31, 0x32}) {
    CHECK(read(v2(0x21, family, unix_block) + "x") == "-|x");
  }
  ProxyHeader header;
  CHECK(parse_proxy_header(v2(0x21, 0x31, unix_block + tls(1, 0, "")), header) == Status::complete);
  CHECK(header.tls.has_value());
}

TEST_CASE("the port that the client had come to is read in both versions") {
  ProxyHeader header;
  for (const auto& text : {std::string("PROXY TCP4 192.0.2.1 10.0.0.1 1234 443\r\n"),
                           v2(0x21, 0x11, v4_block), v2(0x21, 0x21, v6_block)}) {
    CHECK(parse_proxy_header(text, header) == Status::complete);
    CHECK(header.target_port == 443);
  }
}

TEST_CASE("version 2 tells of the TLS that has ended at the sender") {
  const auto version = tlv(0x21, "TLSv1.3");
  const auto name = tlv(0x22, "web");
  CHECK(tls_of("") == std::nullopt);
  CHECK(tls_of(tls(1, 1, version)) == EndedTls{"TLSv1.3", std::nullopt});
  CHECK(tls_of(tls(1, 0, "")) == EndedTls{"", std::nullopt});
  // A client that has shown none is "verified" too.
  CHECK(tls_of(tls(1, 0, version + name)) == EndedTls{"TLSv1.3", std::nullopt});
  for (const int shown : {3, 5, 7}) {
    CHECK(tls_of(tls(shown, 0, version + tlv(0x23, "cipher") + name)) ==
          EndedTls{"TLSv1.3", "web"});
    CHECK(tls_of(tls(shown, 1, version + name)) == EndedTls{"TLSv1.3", std::nullopt});
    CHECK(tls_of(tls(shown, 0, "")) == EndedTls{"", ""});
  }
  CHECK(tls_of(tls(0, 0, version)) == std::nullopt);
  CHECK(tls_of(tls(6, 0, version + name)) == std::nullopt);
  for (const std::string odd : {"TLS v1.3", "TLSv1.3\r\n", "\xff", "TLSv1.33333333333"}) {
    CHECK(tls_of(tls(1, 0, tlv(0x21, odd))) == EndedTls{"", std::nullopt});
  }
  const auto longest = std::string(limits::proxy_common_name_bytes_max, 'n');
  CHECK(tls_of(tls(7, 0, tlv(0x22, longest))) == EndedTls{"", longest});
  CHECK(tls_of(tls(7, 0, tlv(0x22, longest + 'n'))) == EndedTls{"", ""});
  CHECK(tls_of(tlv(0x01, "h2") + tlv(0x02, "a.example") + tlv(0x03, "crc!") + tlv(0x04, "") +
               tlv(0x05, "id") + tls(1, 0, version) + tlv(0x30, "netns") + tlv(0xea, "vpce") +
               tlv(0xff, "")) == EndedTls{"TLSv1.3", std::nullopt});
  // Of the sender's own connection it says nothing.
  ProxyHeader header;
  CHECK(parse_proxy_header(v2(0x20, 0x11, v4_block + tls(1, 0, version)), header) ==
        Status::complete);
  CHECK_FALSE(header.tls);
}

TEST_CASE("what version 2 does not know is refused, and so is what is too long or not whole") {
  for (const auto& text :
       {v2(0x22, 0x11, v4_block), v2(0x11, 0x11, v4_block), v2(0x31, 0x11, v4_block),
        v2(0x21, 0x41, v4_block), v2(0x21, 0x13, v4_block), v2(0x21, 0x03, v4_block),
        v2(0x21, 0x11, v4_block.substr(1)), v2(0x21, 0x21, v6_block.substr(1)),
        v2(0x21, 0x21, v4_block), v2(0x21, 0x12, v4_block.substr(1)),
        v2(0x21, 0x31, unix_block.substr(1)), v2(0x21, 0x11, v4_block + "\x04"),
        v2(0x21, 0x11, v4_block + std::string("\x04\0\x01", 3)),
        v2(0x21, 0x11, v4_block + tlv(0x20, "\1\1\1\1")),
        v2(0x21, 0x11, v4_block + tls(1, 0, std::string("\x21\0\x08TLSv1.3", 10)))}) {
    CHECK(status_of(text) == Status::malformed);
  }
  const auto room = limits::proxy_header_bytes_max - 16;
  CHECK(status_of(v2(0x20, 0, std::string(room, 'x'))) == Status::complete);
  CHECK(status_of(v2(0x20, 0, std::string(room + 1, 'x'))) == Status::malformed);
  // At once, not when all of it has come.
  CHECK(status_of(v2(0x20, 0, std::string(60'000, 'x')).substr(0, 16)) == Status::malformed);
}

TEST_CASE("the verdict does not depend on how much has arrived before") {
  for (const auto& whole :
       {std::string("PROXY TCP4 192.0.2.1 10.0.0.1 1234 443\r\n"), std::string("PROXY UNKNOWN\r\n"),
        v2(0x21, 0x11, v4_block), v2(0x21, 0x21, v6_block), v2(0x20, 0x00, "")}) {
    for (std::size_t size = 0; size < whole.size(); ++size) {
      CHECK(status_of(whole.substr(0, size)) == Status::incomplete);
    }
    CHECK(status_of(whole) == Status::complete);
  }
}

TEST_CASE("what begins otherwise is no header") {
  for (const std::string text : {"GET / HTTP/1.1", "PROPFIND /", "PROXIED", "proxy TCP4", "\r\nGET",
                                 "\r\n\r\nGET", "\x16\x03\x01", "PRI * HTTP/2.0"}) {
    INFO(text);
    CHECK(status_of(text) == Status::absent);
  }
}

}  // namespace tandem::master::proxy_header_test
