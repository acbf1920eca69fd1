#include "tests/e2e/harness/pair_cluster.hpp"

#include <fcntl.h>
#include <signal.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <nlohmann/json.hpp>
#include <sstream>
#include <stdexcept>

namespace tandem::e2e {
namespace {

constexpr auto token = "only-for-this-test-0123456789abcdef";

// On hosts of its own: below those that the kernel gives to connections.
constexpr int first_port = 12'000;

MemberView view_of(const nlohmann::json& status) {
  MemberView view;
  view.cluster = status.at("cluster");
  view.role = status.at("role");
  view.term = status.at("term");
  view.is_protected = status.at("protected");
  view.mode = status.at("mode");
  view.protection = status.at("protection");
  view.failure = status.at("failure");
  if (!status.at("primary").is_null()) view.primary = status.at("primary").at("node");
  view.in_sync = status.at("in_sync");
  view.feature_level = status.at("feature_level");
  for (const auto& voter : status.at("voters")) view.voters.insert(voter.at("name"));
  for (const auto& worker : status.at("workers")) {
    view.workers[worker.at("name")] = {worker.at("service"),  worker.at("address"),
                                       worker.at("state"),    worker.at("in_flight"),
                                       worker.at("requests"), worker.at("weight")};
  }
  return view;
}

}  // namespace

PairClusterOptions with_certificates(std::vector<std::string> masters) {
  PairClusterOptions options;
  options.masters = std::move(masters);
  options.certificates = true;
  options.inner = true;
  return options;
}

PairCluster::PairCluster(PairClusterOptions options) : options_(std::move(options)) {
  if (options_.network != nullptr && !options_.certificates) {
    token_file_ = dir_.write("token", std::string(token) + "\n");
    chmod(token_file_.c_str(), 0600);
  }
  if (options_.tokens) make_tokens();
  if (options_.certificates) {
    certificates_.emplace(dir_);
    certificates_->issue("operator", "ops");
  }
  for (const auto& name : options_.masters) {
    masters_[name].listen = address_on(name);
    if (options_.port != 0) {
      masters_[name].listen = fmt::format("{}:{}", options_.network->address(name), options_.port);
    }
    masters_[name].control = address_on(name);
    if (options_.inner) masters_[name].inner = address_on(name);
  }
  for (const auto& name : options_.masters) launch_master(name);
  for (const auto& name : options_.masters) master(name).await_line("tandem-master ready");
}

PairCluster::~PairCluster() = default;

std::string PairCluster::data_dir(const std::string& name) const {
  const auto other = options_.data_dirs.find(name);
  return other == options_.data_dirs.end() ? dir_.path("data-" + name) : other->second;
}

std::string PairCluster::state_dir(const std::string& worker) const {
  const auto other = options_.state_dirs.find(worker);
  return other == options_.state_dirs.end() ? dir_.path("state-" + worker) : other->second;
}

std::string PairCluster::address_on(const std::string& host) {
  if (options_.network == nullptr) return free_address();
  static int next_port = first_port;
  return fmt::format("{}:{}", options_.network->address(host), next_port++);
}

std::unique_ptr<Process> PairCluster::run(const std::string& host, const Arguments& command) {
  const auto name = fmt::format("{}-{}", host, ++starts_);
  if (options_.network == nullptr) return std::make_unique<Process>(dir_, name, command);
  const auto there = options_.network->enter(host);
  return std::make_unique<Process>(dir_, name, command);
}

void PairCluster::launch_master(const std::string& name) {
  auto& self = masters_.at(name);
  Arguments command;
  if (const auto prefix = options_.prefixes.find(name); prefix != options_.prefixes.end())
    command = prefix->second;
  const auto listen = options_.port == 0 ? self.listen : fmt::format("[::]:{}", options_.port);
  for (const auto& word :
       {program("tandem-master"), std::string("--node"), name, std::string("--listen"), listen,
        std::string("--control"), self.control, std::string("--data-dir"), data_dir(name),
        std::string("--worker-heartbeat"), std::string("200ms"), std::string("--threads"),
        std::string("1")}) {
    command.push_back(word);
  }
  if (!self.inner.empty()) command.insert(command.end(), {"--listen-inner", self.inner});
  if (!options_.coordinator.empty()) {
    command.insert(command.end(), {"--coordinator", options_.coordinator, "--cluster", "test"});
  }
  for (const auto& [peer, other] : masters_) {
    if (peer == name || !options_.coordinator.empty()) continue;
    command.insert(command.end(), {"--peer", peer + "=" + other.control});
  }
  if (!token_file_.empty()) {
    command.insert(command.end(), {"--token-file", token_file_, "--insecure-network"});
  }
  if (tokens_) {
    command.insert(command.end(),
                   {"--tokens-file", tokens_->file(), "--token-file", tokens_->file_of(name)});
  }
  if (certificates_) {
    if (!self.process)
      certificates_->issue("master", name,
                           {"--address", self.control.substr(0, self.control.rfind(':'))});
    const auto flags = certificates_->flags_of("master", name);
    command.insert(command.end(), flags.begin(), flags.end());
  }
  command.insert(command.end(), options_.arguments.begin(), options_.arguments.end());
  self.frozen = false;
  self.process.reset();
  self.process = run(name, command);
}

void PairCluster::start_master(const std::string& name) {
  launch_master(name);
  master(name).await_line("tandem-master ready");
}

void PairCluster::freeze(const std::string& name) {
  masters_.at(name).frozen = true;
  master(name).freeze();
}

void PairCluster::thaw(const std::string& name) {
  master(name).thaw();
  masters_.at(name).frozen = false;
}

Process& PairCluster::start_worker(const std::string& name, Votes votes) {
  auto& self = workers_[name];
  if (self.listen.empty()) self.listen = address_on(name);
  self.votes = votes == Votes::yes;
  Arguments command;
  if (const auto prefix = options_.prefixes.find(name); prefix != options_.prefixes.end())
    command = prefix->second;
  const auto* const kind = options_.speak_http2.contains(name) ? "recording-h2-worker"
                           : options_.recording                ? "recording-worker"
                                                               : "tandem-worker";
  command.insert(command.end(), {program(kind), "--name", name, "--listen", self.listen});
  if (self.votes) command.insert(command.end(), {"--state-dir", state_dir(name)});
  for (const auto& [peer, master] : masters_)
    command.insert(command.end(), {"--master", master.control});
  if (options_.recording) command.insert(command.end(), {"--record", dir_.path(name + ".record")});
  if (!token_file_.empty()) {
    command.insert(command.end(), {"--token-file", token_file_, "--insecure-network"});
  }
  if (tokens_) {
    if (!tokens_->has_one(name)) {
      tokens_->add(name, {"--name", name, "--role", "worker", "--witness"});
      tokens_->give(name, name);
      reload_tokens();
    }
    command.insert(command.end(), {"--token-file", tokens_->file_of(name)});
  }
  if (certificates_) {
    if (!self.process) certificates_->issue("worker", name, {"--witness"});
    const auto flags = certificates_->flags_of("worker", name);
    command.insert(command.end(), flags.begin(), flags.end());
  }
  command.insert(command.end(), options_.worker_arguments.begin(), options_.worker_arguments.end());
  self.process.reset();
  self.process = run(name, command);
  self.process->await_line("tandem-worker ready");
  return *self.process;
}

void PairCluster::start_workers(const std::vector<std::string>& names) {
  for (const auto& name : names) start_worker(name);
  if (const auto missing = await_whole(); !missing.empty()) throw std::runtime_error(missing);
}

void PairCluster::make_tokens() {
  tokens_.emplace(dir_);
  tokens_->add("ops", {"--name", "ops", "--role", "operator"});
  for (const auto& name : options_.masters) {
    tokens_->add(name, {"--name", name, "--role", "master"});
    tokens_->give(name, name);
  }
  tokens_->write();
}

void PairCluster::reload_tokens() {
  tokens_->write();
  for (const auto& [name, master] : masters_) {
    if (master.process && master.process->running()) master.process->signal(SIGHUP);
  }
}

void PairCluster::reload_certificates() {
  for (const auto& [name, master] : masters_) {
    if (master.process && master.process->running()) master.process->signal(SIGHUP);
  }
  for (const auto& [name, worker] : workers_) {
    if (worker.process && worker.process->running()) worker.process->signal(SIGHUP);
  }
}

Client PairCluster::client(const std::string& name, Milliseconds timeout) const {
  if (!certificates_) return Client(control(name), timeout);
  return Client(control(name), certificates_->of("operator", "ops"), timeout);
}

Client PairCluster::client(const std::string& name, const ClientCertificate& self) const {
  return Client(control(name), self);
}

Headers PairCluster::authorization() const {
  if (tokens_) return tokens_->headers("ops");
  if (token_file_.empty()) return {};
  return {{"Authorization", std::string("Bearer ") + token}};
}

Answer PairCluster::ask(const std::string& name, const std::string& path) const {
  return client(name).get(path, authorization());
}

Answer PairCluster::tell(const std::string& name, const std::string& path,
                         const std::string& body) const {
  return client(name).post(path, body, authorization());
}

Answer PairCluster::send(const std::string& name, const std::string& method,
                         const std::string& path, const std::string& body,
                         Milliseconds timeout) const {
  return client(name, timeout).send(method, path, body, authorization());
}

MemberView PairCluster::status(const std::string& name) const {
  const Answer answer = ask(name, "/status");
  if (answer.status != 200)
    throw std::runtime_error(
        fmt::format("GET /status of {}: {}{}", name, answer.error, answer.body));
  return view_of(nlohmann::json::parse(answer.body));
}

std::vector<std::string> PairCluster::primaries() const {
  std::vector<std::string> found;
  for (const auto& [name, master] : masters_) {
    if (master.frozen || !master.process->running()) continue;
    if (ask(name, "/primary").status == 200) found.push_back(name);
  }
  return found;
}

std::string PairCluster::await_primary(Milliseconds deadline) const {
  std::vector<std::string> found;
  eventually([&] { return (found = primaries()).size() == 1; }, deadline);
  if (found.size() != 1) throw std::runtime_error(fmt::format("{} primaries", found.size()));
  return found.front();
}

std::string PairCluster::standby_of(const std::string& primary) const {
  for (const auto& name : options_.masters)
    if (name != primary) return name;
  throw std::runtime_error("there is one master only");
}

std::string PairCluster::what_is_missing() const {
  const auto leading = primaries();
  if (leading.size() != 1) return fmt::format("{} primaries", leading.size());
  std::size_t could_vote = masters_.size();
  for (const auto& [name, worker] : workers_)
    could_vote += worker.votes && worker.process->running() ? 1 : 0;
  for (const auto& [name, master] : masters_) {
    if (!master.process->running()) return name + " does not run";
    if (name != leading.front()) {
      const Answer standby = ask(name, "/standby");
      if (standby.status != 200) return standby.error + standby.body;
    }
    const auto view = status(name);
    for (const auto& [worker_name, worker] : workers_) {
      if (!worker.process->running()) continue;
      const auto seen = view.workers.find(worker_name);
      const std::string state = seen == view.workers.end() ? "unknown" : seen->second.state;
      if (state != "up" && state != "draining")
        return fmt::format("{} is {} at {}", worker_name, state, name);
    }
    if (could_vote >= 3 && !view.is_protected)
      return fmt::format("{} says that it is not protected, with {} voters", name,
                         view.voters.size());
  }
  return {};
}

std::string PairCluster::await_whole(Milliseconds deadline) const {
  std::string missing;
  eventually(
      [&] {
        try {
          missing = what_is_missing();
        } catch (const std::runtime_error& error) {
          missing = error.what();
        }
        return missing.empty();
      },
      deadline);
  return missing;
}

std::map<std::string, std::vector<PairCluster::Execution>> PairCluster::executions() const {
  std::map<std::string, std::vector<Execution>> all;
  for (const auto& [name, worker] : workers_) {
    std::istringstream lines(read_file(dir_.path(name + ".record")));
    Execution execution;
    while (lines >> execution.id >> execution.term >> execution.at_ms)
      all[name].push_back(execution);
  }
  return all;
}

std::map<std::string, unsigned> PairCluster::posts_executed() const {
  std::map<std::string, unsigned> times;
  for (const auto& [worker, list] : executions())
    for (const auto& execution : list)
      if (execution.id != "-") ++times[execution.id];
  return times;
}

std::int64_t PairCluster::ms_in_latest_term() const {
  std::map<std::uint64_t, std::pair<std::int64_t, std::int64_t>> spans;  // by term: first, last
  for (const auto& [worker, list] : executions()) {
    for (const auto& execution : list) {
      auto& [first, last] =
          spans.try_emplace(execution.term, execution.at_ms, execution.at_ms).first->second;
      first = std::min(first, execution.at_ms);
      last = std::max(last, execution.at_ms);
    }
  }
  return spans.empty() ? 0 : spans.rbegin()->second.second - spans.rbegin()->second.first;
}

std::string PairCluster::first_stale_execution() const {
  constexpr std::int64_t crossing_ms_max = 1'000;
  for (const auto& [worker, list] : executions()) {
    std::map<std::uint64_t, std::int64_t> begun;  // terms, and when each was first seen
    for (const auto& execution : list) {
      if (execution.term == 0) continue;  // a probe: forwarded requests have a term
      begun.try_emplace(execution.term, execution.at_ms);
      const auto later = begun.upper_bound(execution.term);
      if (later != begun.end() && execution.at_ms > later->second + crossing_ms_max) {
        return fmt::format("{} executed {} in term {} {} ms after term {} began", worker,
                           execution.id, execution.term, execution.at_ms - later->second,
                           later->first);
      }
    }
  }
  return {};
}

}  // namespace tandem::e2e
