#include "worker/src/witness.hpp"

#include <signal.h>

#include <atomic>
#include <map>
#include <optional>
#include <thread>

#include <boost/asio.hpp>
#include <fmt/format.h>

#include "common/access/credentials.hpp"
#include "common/base/assert.hpp"
#include "common/base/clock.hpp"
#include "common/base/duration.hpp"
#include "common/base/mutex.hpp"
#include "common/cluster/cluster_endpoint.hpp"
#include "common/cluster/limits.hpp"
#include "common/http/api_response.hpp"
#include "common/http/direct_caller.hpp"
#include "common/wire/limits.hpp"
#include "worker/src/limits.hpp"
#include "worker/src/master_links.hpp"

namespace tandem {

namespace asio = boost::asio;

namespace {

// Masters that have no tokens file share one token with their workers, and present it. Others know
// the hash of this worker's token, and present what is derived from that.
access::Credentials masters_with(const std::string& token) {
  const auto hash = access::hash_of(token);
  std::vector<access::Credential> both;
  for (const auto& presented : {token, access::witness_secret(hash)}) {
    both.push_back(
        {.name = "masters", .role = access::Role::all, .sha256 = access::hash_of(presented)});
  }
  auto masters = access::Credentials::of(std::move(both), "token_file");
  TANDEM_ASSERT(masters.ok());
  return std::move(*masters);
}

}  // namespace

class Witness::Body {
 public:
  explicit Body(WitnessOptions options)
      : options_(std::move(options)),
        server_(loop_,
                {.connections_max = limits::witness_connections_max,
                 .strangers_max = limits::witness_strangers_max,
                 .credentials = options_.credentials,
                 .admit = [this](const ControlRequest& request) { return admit(request); }},
                [this](const ControlRequest& request) { return answer(request); }),
        made_(loop_,
              {.idle_max = limits::link_idle_max,
               .connections_max = 2 * limits::masters_max,
               .strangers_max = 2 * limits::masters_max,
               .credentials = options_.credentials,
               .admit = [this](const ControlRequest& request) { return admit_called(request); }},
              [this](const ControlRequest& request) { return answer(request); }) {}

  Result<> open() {
    const bool knows_masters = options_.credentials || !options_.token.empty();
    if (options_.listen && !options_.listen->is_loopback() && !knows_masters) {
      return invalid(fmt::format("a witness at {} can be reached from other machines: give a "
                                 "certificate, or the masters' token_file, or listen on a loopback "
                                 "address",
                                 options_.listen->host),
                     "state_dir");
    }
    if (!options_.token.empty()) masters_ = masters_with(options_.token);
    cluster::ClusterOptions cluster;
    cluster.node = core::NodeId(options_.name);
    cluster.kind = core::VoterKind::witness;
    cluster.directory = options_.directory;
    cluster.token = options_.token;
    cluster.credentials = options_.credentials;
    cluster.clear_text = options_.clear_text;
    cluster.check = cluster::documents_alone();
    // Created with the default timing to learn the incarnation; created again when the timing is
    // known.
    auto store = storage::LogStore::open(options_.directory);
    if (!store) return store.error();
    incarnation_ = store->incarnation().value();
    cluster_ = std::move(cluster);
    if (options_.listen) {
      auto bound = server_.listen(*options_.listen);
      if (!bound) return bound.error();
      control_ = *bound;
    } else {
      links_ = std::make_shared<MasterLinks>(
          loop_,
          MasterLinksOptions{.name = options_.name,
                             .token = options_.token,
                             .credentials = options_.credentials,
                             .clear_text = options_.clear_text,
                             .log = options_.log},
          [this](auto connection, std::string_view unread, std::function<void()> ended) {
            made_.adopt(std::move(*connection), unread, std::move(ended));
          });
    }
    asio::post(loop_, [this] { links_ ? made_.start() : server_.start(); });
    thread_ = std::thread([this] { run(); });
    return {};
  }

  wire::WitnessOffer offer() const { return {incarnation_, control_}; }

  void take_timing(const core::Timing& timing) {
    const Lock lock(mutex_);
    if (timing_ && *timing_ == timing) return;
    if (timing_) {
      if (refused_ == timing) return;
      refused_ = timing;
      say(Severity::warning,
          fmt::format("the masters' election timeout is {} now, this witness keeps {} until it is "
                      "restarted",
                      to_string(timing.election_timeout), to_string(timing_->election_timeout)));
      return;
    }
    timing_ = timing;
    asio::post(loop_, [this, timing] { start(timing); });
  }

  // At each heartbeat: the loop is told of news alone.
  void add_master(const std::string& node, const Endpoint& control) {
    const Lock lock(mutex_);
    if (!links_) return;
    const bool is_known = masters_told_.contains(node);
    if (!is_known && masters_told_.size() >= 2 * limits::masters_max) return;
    if (std::exchange(masters_told_[node], control) == control) return;
    std::erase_if(masters_told_, [&](const auto& told) {
      return told.first != node && told.second == control;  // it has been replaced
    });
    asio::post(loop_, [this, node, control] { links_->add(node, control); });
  }

  void remove_master(const std::string& node) {
    const Lock lock(mutex_);
    if (masters_told_.erase(node) == 0) return;
    asio::post(loop_, [this, node] { links_->remove(node); });
  }

  void take_token(const std::string& token) {
    asio::post(loop_, [this, token] {
      if (links_) links_->set_token(token);
      former_ = std::move(masters_);
      former_until_ = now() + limits::former_token_for;
      masters_.reset();
      if (!token.empty()) masters_ = masters_with(token);
      cluster_.token = token;
      if (node_) node_->set_token(token);
    });
  }

  void stop() {
    if (!thread_.joinable()) return;
    asio::post(loop_, [this] {
      if (node_) node_->stop();
      if (links_) links_->stop();
      server_.stop();
      made_.stop();
      work_.reset();
    });
    thread_.join();
  }

 private:
  void run() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    loop_.run();
  }

  void say(Severity severity, const std::string& line) const {
    if (options_.log) options_.log(severity, line);
  }

  void start(const core::Timing& timing) {
    cluster_.timing = timing;
    if (const auto valid = cluster_.validate(); !valid) {
      return say(Severity::warning, "the masters' timing cannot be used: " + valid.error().message);
    }
    cluster::ClusterHooks hooks;
    hooks.view = [this](const cluster::ClusterView& view) { saw(view); };
    node_.emplace(loop_, cluster_, std::move(hooks));
    if (const auto opened = node_->open(); !opened) {
      say(Severity::warning, "this worker cannot be a witness: " + opened.error().message);
      node_.reset();
      return;
    }
    incarnation_ = node_->self().incarnation.value();  // a new one if the log was set aside
    node_->start(control_);
  }

  void saw(const cluster::ClusterView& view) {
    if (view.votes == votes_ && view.failure.empty() != fails_) return;
    if (view.votes != votes_) {
      say(Severity::info, fmt::format("{} cluster={} term={}",
                                      view.votes ? "votes as a witness" : "no longer votes",
                                      view.cluster, view.term));
    }
    if (!view.failure.empty() && !fails_) say(Severity::warning, "witness: " + view.failure);
    if (view.failure.empty() && fails_) say(Severity::info, "witness: the log is written again");
    votes_ = view.votes;
    fails_ = !view.failure.empty();
  }

  Admission admit(const ControlRequest& request) const {
    if (options_.credentials) return admit_certified(request);
    if (!masters_) {
      if (auto refused = refuse_indirect(request, options_.listen->host))
        return {.refusal = refused};
    }
    if (request.path == "/health") return {};
    Admission admission{.body_bytes_max = limits::cluster_body_bytes_max};
    if (!masters_) return admission;
    const bool is_known =
        knows(*masters_, request) || (former_ && now() < former_until_ && knows(*former_, request));
    if (!is_known) return {.refusal = not_authorized()};
    admission.trusts = true;
    return admission;
  }

  // Whom this witness has called.
  Admission admit_called(const ControlRequest& request) const {
    if (options_.credentials) return admit_certified(request);
    return {.body_bytes_max = limits::cluster_body_bytes_max, .trusts = true};
  }

  static bool knows(const access::Credentials& masters, const ControlRequest& request) {
    const auto who = masters.identify(request.authorization, access::wall_time());
    return who.standing == access::Identity::Standing::known;
  }

  // Whom its certificate names; a token says nothing here.
  static Admission admit_certified(const ControlRequest& request) {
    if (request.path == "/health") return {};
    if (request.certified->role != access::Role::master) {
      return {.refusal = forbidden("a witness listens to masters alone")};
    }
    return {.body_bytes_max = limits::cluster_body_bytes_max,
            .trusts = true,
            .caller = request.certified};
  }

  asio::awaitable<ControlResponse> answer(const ControlRequest& request) {
    if (request.path == "/health") co_return document(R"({"status":"alive"})");
    if (request.path != cluster::messages_path) co_return no_such_path(request.path);
    if (request.method != "POST") co_return method_not_allowed(request.method, "POST");
    if (!node_) {
      co_return refusal(fail(ErrorCode::unavailable, "this witness waits for the timing"));
    }
    auto taking = cluster::take_messages(
        request, *node_, messages_,
        [this](wire::ClusterEnvelope envelope, const cluster::Sender& sender) {
          node_->receive(std::move(envelope), sender);
        });
    co_return co_await std::move(taking);
  }

  const WitnessOptions options_;
  asio::io_context loop_{1};
  asio::executor_work_guard<asio::io_context::executor_type> work_{loop_.get_executor()};
  std::optional<access::Credentials> masters_;  // none: nobody is asked
  // As with the token before: masters present what follows from it until they have heard a
  // heartbeat with the new one.
  std::optional<access::Credentials> former_;
  Instant former_until_;
  cluster::ClusterOptions cluster_;
  std::atomic<std::uint64_t> incarnation_{0};
  cluster::MessageReader messages_{cluster::documents_alone()};
  std::optional<cluster::ClusterNode> node_;
  HttpServer server_;                   // at its port
  HttpServer made_;                     // on connections that it has made
  std::shared_ptr<MasterLinks> links_;  // null: it has a port
  Endpoint control_;                    // port 0: it has none
  bool votes_ = false;
  bool fails_ = false;
  std::thread thread_;

  Mutex mutex_;  // guards what follows
  std::optional<core::Timing> timing_ TANDEM_GUARDED_BY(mutex_);
  std::optional<core::Timing> refused_ TANDEM_GUARDED_BY(mutex_);
  std::map<std::string, Endpoint> masters_told_ TANDEM_GUARDED_BY(mutex_);  // as added last
};

Witness::Witness(std::unique_ptr<Body> body) : body_(std::move(body)) {}
Witness::~Witness() { stop(); }

Result<std::unique_ptr<Witness>> Witness::open(WitnessOptions options) {
  auto body = std::make_unique<Body>(std::move(options));
  if (auto opened = body->open(); !opened) return opened.error();
  return std::unique_ptr<Witness>(new Witness(std::move(body)));
}

wire::WitnessOffer Witness::offer() const { return body_->offer(); }
void Witness::take_timing(const core::Timing& timing) { body_->take_timing(timing); }
void Witness::add_master(const std::string& node, const Endpoint& control) {
  body_->add_master(node, control);
}
void Witness::remove_master(const std::string& node) { body_->remove_master(node); }
void Witness::take_token(const std::string& token) { body_->take_token(token); }
void Witness::stop() { body_->stop(); }

}  // namespace tandem
