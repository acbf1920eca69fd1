#include <catch2/catch.hpp>

#include "common/base/hex.hpp"
#include "common/base/sealed_text.hpp"

namespace tandem::sealed_text_test {
namespace {

const std::string secret = "the secret of the cluster";
const std::string purpose = "a test";
const std::string text("some\0bytes", 10);

}  // namespace

TEST_CASE("a sealed text is opened by the one that it was sealed for, and by nobody else") {
  const SealingKey sender;
  const SealingKey receiver;
  const auto sealed = sender.seal(receiver.public_key(), secret, purpose, text);
  REQUIRE(sealed);
  CHECK(sealed->find(to_hex(text)) == std::string::npos);
  CHECK(receiver.open(sender.public_key(), secret, purpose, *sealed) == text);
  CHECK_FALSE(SealingKey().open(sender.public_key(), secret, purpose, *sealed));
  CHECK_FALSE(receiver.open(SealingKey().public_key(), secret, purpose, *sealed));
  CHECK_FALSE(receiver.open(sender.public_key(), "another secret", purpose, *sealed));
  CHECK_FALSE(receiver.open(sender.public_key(), secret, "another purpose", *sealed));
  // Nor can the receiver be made to open what it has sealed itself.
  const auto reflected = receiver.seal(sender.public_key(), secret, purpose, text);
  CHECK_FALSE(receiver.open(sender.public_key(), secret, purpose, *reflected));
}

TEST_CASE("a sealed text that was altered anywhere is not opened") {
  const SealingKey sender;
  const SealingKey receiver;
  const auto sealed = *sender.seal(receiver.public_key(), secret, purpose, text);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    auto altered = sealed;
    altered[i] = altered[i] == '0' ? '1' : '0';
    CHECK_FALSE(receiver.open(sender.public_key(), secret, purpose, altered));
  }
  for (const auto& short_one : {std::string(), sealed.substr(0, 30), sealed + "00", sealed + "0"}) {
    CHECK_FALSE(receiver.open(sender.public_key(), secret, purpose, short_one));
  }
}

TEST_CASE("what is no public key is refused") {
  const SealingKey key;
  for (const auto& theirs : {std::string(), std::string("12"), std::string(64, 'g'),
                             std::string(66, '1'), std::string(64, '0')}) {
    CHECK_FALSE(key.seal(theirs, secret, purpose, text));
    CHECK_FALSE(key.open(theirs, secret, purpose, std::string(64, '1')));
  }
}

TEST_CASE("bytes become lower-case digits, and only those become bytes again") {
  CHECK(to_hex(std::string_view("\x00\xff\x1a", 3)) == "00ff1a");
  CHECK(from_hex("00ff1a") == std::string("\x00\xff\x1a", 3));
  CHECK(from_hex("") == std::string());
  for (const auto* wrong : {"0", "0g", "0A", " 0", "0x"}) CHECK_FALSE(from_hex(wrong));
}

}  // namespace tandem::sealed_text_test
