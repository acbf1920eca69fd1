#include "master/publication/zookeeper_publisher.hpp"

#include <chrono>
#include <utility>

#include <boost/asio.hpp>
#include <fmt/format.h>

#include "master/discovery/limits.hpp"
#include "master/discovery/registry_client.hpp"
#include "master/publication/limits.hpp"
#include "master/publication/zookeeper_registration.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {
constexpr Duration look_every = 10ms;
constexpr Duration one_session_max = 24h;
}  // namespace

struct ZooKeeperPublisher::Link {
  Link(asio::io_context& loop, SourceSpec registry)
      : spec(std::move(registry)), client(loop, spec) {}
  const SourceSpec spec;
  RegistryClient client;
};

struct ZooKeeperPublisher::Session {
  explicit Session(ZooKeeperRegistration::Terms terms)
      : conversation(std::make_shared<ZooKeeperRegistration>(std::move(terms))) {}
  const std::shared_ptr<ZooKeeperRegistration> conversation;
  bool has_ended = false;
  std::string problem;  // when it has
};

ZooKeeperPublisher::ZooKeeperPublisher(asio::io_context& loop, SourceSpec registry,
                                       MayPublish may_publish)
    : loop_(loop),
      may_publish_(std::move(may_publish)),
      link_(std::make_shared<Link>(loop, std::move(registry))) {}

ZooKeeperPublisher::~ZooKeeperPublisher() { cancel(); }

void ZooKeeperPublisher::cancel() { link_->client.cancel(); }

asio::awaitable<void> ZooKeeperPublisher::converse(std::shared_ptr<Link> link,
                                                   std::shared_ptr<Session> session) {
  HttpCallOptions options{.total_max = one_session_max,
                          .connect_max = limits::source_connect_max,
                          .tick_every = limits::publication_tick};
  auto conversing = link->client.converse(session->conversation, std::move(options));
  const auto outcome = co_await std::move(conversing);
  session->has_ended = true;
  if (!outcome) {
    session->problem = outcome.error().message;
    co_return;
  }
  const auto& problem = session->conversation->problem();
  session->problem = link->client.failed(problem.empty() ? outcome->why : problem).message;
}

Result<> ZooKeeperPublisher::open() {
  ZooKeeperRegistration::Terms terms{.root = link_->spec.name, .may_publish = may_publish_};
  if (!link_->spec.user.empty()) {
    const auto password = read_secret(link_->spec.password);
    if (!password) return password.error();
    terms.credentials = fmt::format("{}:{}", link_->spec.user, *password);
  }
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  terms.registered_ms = std::chrono::floor<std::chrono::milliseconds>(since_1970).count();
  session_ = std::make_shared<Session>(std::move(terms));
  asio::co_spawn(loop_, converse(link_, session_), asio::detached);
  return {};
}

asio::awaitable<void> ZooKeeperPublisher::look_again() const {
  asio::steady_timer timer(loop_);
  timer.expires_after(look_every);
  boost::system::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

asio::awaitable<Result<Publisher::Held>> ZooKeeperPublisher::bring(Wanted wanted) {
  if (!may_publish_()) co_return fail(ErrorCode::unavailable, "this master no longer leads");
  if (session_ == nullptr || session_->has_ended) {
    if (auto opened = open(); !opened) co_return opened.error();
  }
  const auto session = session_;
  session->conversation->want(std::move(wanted));
  while (!session->has_ended && !session->conversation->is_settled()) {
    auto looking = look_again();
    co_await std::move(looking);
  }
  if (session->conversation->is_settled() && !session->has_ended) {
    link_->client.took();
    co_return session->conversation->held();
  }
  co_return fail(ErrorCode::unavailable, session->problem);
}

asio::awaitable<void> ZooKeeperPublisher::withdraw() {
  const auto session = std::exchange(session_, nullptr);
  if (session == nullptr) co_return;
  session->conversation->close();
  while (!session->has_ended) {
    auto looking = look_again();
    co_await std::move(looking);
  }
}

// The session expires by itself, when a successor has made nodes of its own.
void ZooKeeperPublisher::leave() {
  if (session_ != nullptr) session_->conversation->drop();
  session_.reset();
}

}  // namespace tandem::master
