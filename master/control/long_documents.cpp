#include "master/control/long_documents.hpp"

#include <iterator>
#include <memory>

#include <boost/asio.hpp>

#include "common/base/clock.hpp"
#include "master/control/limits.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

asio::awaitable<ControlResponse> call(std::function<ControlResponse()> function) {
  co_return function();
}

}  // namespace

LongDocuments::LongDocuments(asio::io_context& loop, const Registry& registry)
    : registry_(registry), turns_(loop) {}

LongDocuments::~LongDocuments() { thread_.join(); }

asio::awaitable<ControlResponse> LongDocuments::write(
    std::function<wire::Status()> begin, std::function<ControlResponse(wire::Status)> write) {
  auto waiting = turns_.take();
  co_await std::move(waiting);
  const auto status = std::make_shared<wire::Status>(begin());
  auto adding = add_workers(status->workers);
  co_await std::move(adding);
  auto writing = asio::co_spawn(
      thread_, call([status, write = std::move(write)] { return write(std::move(*status)); }),
      asio::use_awaitable);
  auto response = co_await std::move(writing);
  turns_.give_back();
  co_return response;
}

asio::awaitable<ControlResponse> LongDocuments::write(std::function<ControlResponse()> write) {
  auto waiting = turns_.take();
  co_await std::move(waiting);
  auto writing = asio::co_spawn(thread_, call(std::move(write)), asio::use_awaitable);
  auto response = co_await std::move(writing);
  turns_.give_back();
  co_return response;
}

// By name, some at a time; what joins or leaves meanwhile is in it or not.
asio::awaitable<void> LongDocuments::add_workers(std::vector<wire::WorkerStatus>& workers) {
  const auto executor = co_await asio::this_coro::executor;
  std::string last;
  for (;;) {
    auto some = registry_.workers_after(last, limits::workers_told_at_once, now());
    const bool is_all = some.size() < limits::workers_told_at_once;
    if (!some.empty()) last = some.back().name;
    workers.insert(workers.end(), std::make_move_iterator(some.begin()),
                   std::make_move_iterator(some.end()));
    if (is_all) co_return;
    auto pausing = asio::post(executor, asio::use_awaitable);
    co_await std::move(pausing);
  }
}

}  // namespace tandem::master
