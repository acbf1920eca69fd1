#include "common/cluster/durable_log.hpp"

#include <random>

#include <boost/asio.hpp>

#include "common/base/log.hpp"
#include "common/storage/database_file.hpp"

namespace tandem::cluster {

namespace asio = boost::asio;

namespace {

// A random number below 2^53 that is not 0.
core::IncarnationId new_incarnation() {
  std::random_device device;
  const auto number = std::uint64_t{device()} << 32 | device();
  return core::IncarnationId((number >> 11) | 1);
}

// Under another name it would be a voter that nobody knows, and the vote under its own name would
// be missing.
Result<> check_owner(const core::Stored& stored, core::IncarnationId incarnation,
                     const ClusterOptions& options) {
  const auto* newest = stored.snapshot == nullptr ? nullptr : &stored.snapshot->configuration;
  for (const auto& entry : stored.entries) {
    const auto* changed = std::get_if<core::Configuration>(&entry.body);
    if (changed != nullptr) newest = changed;
  }
  const auto cluster = stored.hard_state.cluster;
  if (options.joins.value() != 0 && cluster.value() != 0 && cluster != options.joins) {
    return invalid(fmt::format(
        "{} belongs to cluster {}, but --join leads to cluster {}: give {} an empty directory",
        options.directory, cluster, options.joins, options.node));
  }
  if (newest == nullptr) return {};
  for (const auto& voter : newest->voters) {
    if (voter.id.incarnation != incarnation || voter.id.node == options.node) continue;
    return invalid(
        fmt::format("{} belongs to {}, not to {}: start it under its own name, or give {} a "
                    "directory of its own",
                    options.directory, voter.id.node, options.node, options.node));
  }
  return {};
}

}  // namespace

DurableLog::DurableLog(asio::io_context& loop, const ClusterOptions& options)
    : loop_(loop), options_(options), hooks_(std::make_shared<Hooks>()) {}

DurableLog::~DurableLog() { stop(); }

Result<> DurableLog::open() {
  if (options_.directory.empty()) {
    incarnation_ = new_incarnation();
    return {};
  }
  if (auto taken = take(); !taken) return taken;
  if (options_.restoration != nullptr && stored_.hard_state.cluster.value() != 0) {
    return invalid(
        fmt::format("{} belongs to a cluster already, and --restore founds a new one: "
                    "start without --restore, or with an empty directory",
                    options_.directory));
  }
  if (auto own = check_owner(stored_, incarnation_, options_); !own) return own;
  const auto usable = cluster::check(stored_, options_.check);
  if (usable) return {};
  const auto database = storage::database_in(options_.directory).string();
  const auto why = fmt::format("{} holds an entry or a snapshot that cannot be applied: {}",
                               database, usable.error().message);
  if (usable.error().code == ErrorCode::conflict) {
    return invalid(why + "; run the version that wrote it");
  }
  const bool others_have_it = options_.kind == core::VoterKind::witness || !options_.peers.empty();
  if (!others_have_it) {
    return invalid(why + "; move it away to begin anew, without the state that it holds");
  }
  store_.reset();
  const auto aside = storage::set_aside(options_.directory);
  if (!aside) return aside.error();
  log::error("log set aside, the state is fetched from another voter file={} reason=\"{}\"",
             aside->string(), why);
  return take();
}

Result<> DurableLog::take() {
  auto store = storage::LogStore::open(options_.directory);
  if (!store) return store.error();
  store_.emplace(std::move(*store));
  incarnation_ = store_->incarnation();
  stored_ = store_->take_stored();
  stored_snapshot_ = stored_.snapshot;
  return {};
}

void DurableLog::start(Hooks hooks) {
  TANDEM_ASSERT(incarnation_.value() != 0);
  *hooks_ = std::move(hooks);
  if (!store_) return;
  const auto post = [this, alive = std::weak_ptr<Hooks>(hooks_)](auto then) {
    asio::post(loop_, [alive, then] {
      if (const auto current = alive.lock()) then(*current);
    });
  };
  writer_ = std::make_unique<storage::LogWriter>(
      std::move(*store_),
      storage::LogWriter::Hooks{.durable =
                                    [post](core::WriteNumber number) {
                                      post([number](Hooks& to) { to.durable(number); });
                                    },
                                .failed =
                                    [this, post](Error error) {
                                      failures_.add();
                                      post([error](Hooks& to) { to.failed(error); });
                                    },
                                .works =
                                    [this, post] {
                                      post([this](Hooks& to) {
                                        writer_->resume();
                                        to.works();
                                      });
                                    },
                                .committed = [this](Duration took) { commits_.observe(took); }},
      disk_retry, disk_proof);
  store_.reset();
}

bool DurableLog::write(core::Write write) {
  if (writer_ == nullptr) return false;
  writer_->write(std::move(write));
  return true;
}

void DurableLog::stop() {
  hooks_.reset();
  writer_.reset();
}

}  // namespace tandem::cluster
