#include "tests/unit/cluster/members_fixture.hpp"

#include <boost/asio.hpp>
#include <catch2/catch.hpp>

#include "common/http/api_response.hpp"

namespace tandem::cluster {

namespace asio = boost::asio;

Member::Member(asio::io_context& loop, ClusterOptions options, std::uint16_t port)
    : loop_(loop), options_(std::move(options)), messages_(options_.check) {
  if (!options_.token.empty()) {
    credentials_ = access::Credentials::of_one_token(options_.token);
  }
  server_ = std::make_unique<HttpServer>(
      loop_,
      HttpServerOptions{.admit =
                            [this](const ControlRequest& request) {
                              return admit_messages(admit(request), *node_);
                            }},
      [this](const ControlRequest& request) -> asio::awaitable<ControlResponse> {
        auto taking = take_messages(request, *node_, messages_,
                                    [this](wire::ClusterEnvelope envelope, const Sender& sender) {
                                      node_->receive(std::move(envelope), sender);
                                    });
        co_return co_await std::move(taking);
      });
  auto bound = server_->listen({"127.0.0.1", port});
  REQUIRE(bound.ok());
  control_ = *bound;
}

Admission Member::admit(const ControlRequest& request) const {
  if (!credentials_) return {};
  auto who = credentials_->identify(request.authorization, access::wall_time());
  if (who.standing != access::Identity::Standing::known) return {.refusal = not_authorized()};
  return {.trusts = true, .caller = std::move(who.credential)};
}

Member::~Member() {
  end();
  shut_down(loop_, *server_);
}

void Member::start(const std::vector<Member*>& peers) {
  for (const auto* peer : peers) options_.peers[core::NodeId(peer->name())] = peer->control();
  ClusterHooks hooks;
  hooks.serve_until = [this](Instant until, Term) { serve_until = until; };
  hooks.announce = [this](Term term) { node_->step(core::TermAnnounced{term}); };
  hooks.apply = [this](const std::vector<core::Entry>& entries) {
    for (const auto& entry : entries) {
      if (const auto* command = std::get_if<core::Command>(&entry.body)) {
        applied.push_back(command->bytes);
      }
    }
  };
  hooks.refused = [this](const core::Refusal& refusal) { refused.push_back(refusal); };
  hooks.view = [this](const ClusterView& view) { view_ = view; };
  node_ = std::make_unique<ClusterNode>(loop_, options_, std::move(hooks));
  const auto opened = node_->open();
  INFO((opened ? "" : opened.error().message));
  REQUIRE(opened.ok());
  server_->start();
  node_->start(control_);
}

void Member::end() {
  if (node_) node_->stop();
  server_->stop();
  serve_until = Instant::never();
}

void shut_down(asio::io_context& loop, HttpServer& server) {
  server.stop();
  do {
    loop.restart();
    loop.poll();
  } while (server.connections() > 0);
}

bool run_until(asio::io_context& loop, const std::function<bool()>& condition) {
  const auto deadline = now() + 10s;
  while (!condition()) {
    if (now() >= deadline) return false;
    loop.restart();
    loop.run_for(std::chrono::milliseconds(1));
  }
  return true;
}

ClusterOptions options_of(const std::string& name, core::VoterKind kind) {
  ClusterOptions options;
  options.node = core::NodeId(name);
  options.kind = kind;
  options.timing.heartbeat = 20ms;
  options.timing.election_timeout = 200ms;
  options.timing.clock_margin = 10ms;
  return options;
}

}  // namespace tandem::cluster
