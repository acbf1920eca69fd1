#include <catch2/catch.hpp>

#include "common/base/own_trouble.hpp"

namespace tandem::own_trouble_test {

TEST_CASE("a shortage of this machine is its own trouble, what a peer does is not") {
  for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL, EAGAIN}) {
    INFO(error);
    CHECK(is_own_trouble(error));
  }
  for (const int error : {ECONNREFUSED, ECONNRESET, ETIMEDOUT, EHOSTUNREACH, EPIPE, 0}) {
    INFO(error);
    CHECK(!is_own_trouble(error));
  }
}

TEST_CASE("accepting goes on after a client that left, and pauses at every other failure") {
  CHECK(is_of_the_newcomer(ECONNABORTED));
  for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM, EINVAL}) {
    INFO(error);
    CHECK(!is_of_the_newcomer(error));
  }
}

}  // namespace tandem::own_trouble_test
