#include "common/http/parked_connections.hpp"

#include <boost/asio.hpp>

namespace tandem {

namespace asio = boost::asio;

ParkedConnections::ParkedConnections(asio::io_context& loop, std::function<void(Holder&)> is_ready)
    : set_(loop), is_ready_(std::move(is_ready)) {
  const int set = ::epoll_create1(EPOLL_CLOEXEC);
  boost::system::error_code error;
  if (set >= 0) set_.assign(set, error);
  if (set >= 0 && error) ::close(set);
}

bool ParkedConnections::add(int descriptor, Holder& holder) {
  if (!set_.is_open()) return false;
  epoll_event event{.events = EPOLLIN | EPOLLRDHUP, .data = {.ptr = &holder}};
  return ::epoll_ctl(set_.native_handle(), EPOLL_CTL_ADD, descriptor, &event) == 0;
}

void ParkedConnections::forget(int descriptor, const Holder& holder) {
  for (auto& event : batch_) {
    if (event.data.ptr == &holder) event.data.ptr = nullptr;
  }
  ::epoll_ctl(set_.native_handle(), EPOLL_CTL_DEL, descriptor, nullptr);
}

asio::awaitable<void> ParkedConnections::run() {
  while (set_.is_open()) {
    boost::system::error_code error;
    co_await set_.async_wait(asio::posix::stream_descriptor::wait_read,
                             asio::redirect_error(asio::use_awaitable, error));
    if (error || !set_.is_open()) co_return;
    const int ready = ::epoll_wait(set_.native_handle(), events_.data(), batch_max, 0);
    batch_ = std::span(events_).first(static_cast<std::size_t>(std::max(ready, 0)));
    while (!batch_.empty()) {
      auto* const holder = static_cast<Holder*>(batch_.front().data.ptr);
      batch_ = batch_.subspan(1);
      if (holder != nullptr) is_ready_(*holder);
    }
  }
}

void ParkedConnections::stop() {
  boost::system::error_code ignored;
  set_.close(ignored);
}

}  // namespace tandem
