#include "common/tls/quiet_socket.hpp"

#include <sys/socket.h>

#include <cerrno>

#include "common/base/assert.hpp"

namespace tandem::tls {

namespace {

int write(BIO* bio, const char* data, int size) {
  errno = 0;
  const auto sent = ::send(static_cast<int>(BIO_get_fd(bio, nullptr)), data,
                           static_cast<std::size_t>(size), MSG_NOSIGNAL);
  BIO_clear_retry_flags(bio);
  if (sent <= 0 && BIO_sock_should_retry(static_cast<int>(sent)) != 0) BIO_set_retry_write(bio);
  return static_cast<int>(sent);
}

// As OpenSSL's own, but for write(). Never freed: a program may end while connections are open.
BIO_METHOD* method() {
  static BIO_METHOD* const made = [] {
    const auto* const own = BIO_s_socket();
    BIO_METHOD* const method = BIO_meth_new(BIO_TYPE_SOCKET, "socket without SIGPIPE");
    TANDEM_ASSERT(method != nullptr);
    BIO_meth_set_write(method, &write);
    BIO_meth_set_read(method, BIO_meth_get_read(own));
    BIO_meth_set_ctrl(method, BIO_meth_get_ctrl(own));
    BIO_meth_set_create(method, BIO_meth_get_create(own));
    BIO_meth_set_destroy(method, BIO_meth_get_destroy(own));
    return method;
  }();
  return made;
}

}  // namespace

BIO* quiet_socket(int descriptor) {
  BIO* const bio = BIO_new(method());
  TANDEM_ASSERT(bio != nullptr);
  BIO_set_fd(bio, descriptor, BIO_NOCLOSE);
  return bio;
}

}  // namespace tandem::tls
