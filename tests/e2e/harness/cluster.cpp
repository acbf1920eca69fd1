#include "tests/e2e/harness/cluster.hpp"

#include <nlohmann/json.hpp>
#include <stdexcept>

namespace tandem::e2e {

Cluster::Cluster(const Arguments& master_arguments) : master_arguments_(master_arguments) {
  run_master();
}

void Cluster::run_master() {
  Arguments command = {program("tandem-master"),
                       "--node",
                       "a",
                       "--listen",
                       listen_,
                       "--control",
                       control_,
                       "--data-dir",
                       dir_.path("data"),
                       "--worker-heartbeat",
                       "200ms"};
  command.insert(command.end(), master_arguments_.begin(), master_arguments_.end());
  master_ = std::make_unique<Process>(dir_, "master-" + std::to_string(++starts_), command);
  const std::string ready = master_->await_line("tandem-master ready");
  listen_ = field_of(ready, "listen");
  control_ = field_of(ready, "control");
}

void Cluster::start_master_again() { run_master(); }

Process& Cluster::start_worker(const std::string& name, const Arguments& arguments) {
  auto& worker = workers_[name];
  worker.process.reset();
  worker.arguments = arguments;
  Arguments command = {program("tandem-worker"), "--name", name, "--master", control_};
  command.insert(command.end(), arguments.begin(), arguments.end());
  worker.process = std::make_unique<Process>(dir_, name + "-" + std::to_string(++starts_), command);
  const std::string ready = worker.process->await_line("tandem-worker ready");
  worker.address =
      field_of(ready, ready.find(" target=") == std::string::npos ? "listen" : "target");
  return *worker.process;
}

Process& Cluster::start_worker_again(const std::string& name) {
  const auto& worker = workers_.at(name);
  Arguments arguments = worker.arguments;
  for (std::size_t i = 0; i + 1 < arguments.size(); ++i) {
    if (arguments[i] == "--listen") arguments[i + 1] = worker.address;
  }
  return start_worker(name, arguments);
}

void Cluster::start_workers(const std::vector<std::string>& names) {
  for (const auto& name : names) start_worker(name);
  for (const auto& name : names) {
    if (!await_state(name, "up")) throw std::runtime_error(name + " did not come up");
  }
}

std::map<std::string, WorkerView> Cluster::workers() const {
  const Answer answer = get(control_, "/v1/workers");
  if (answer.status != 200)
    throw std::runtime_error("GET /v1/workers: " + answer.error + answer.body);
  const auto document = nlohmann::json::parse(answer.body);
  std::map<std::string, WorkerView> views;
  for (const auto& worker : document.at("workers")) {
    views[worker.at("name")] = {worker.at("service"),   worker.at("address"),  worker.at("state"),
                                worker.at("in_flight"), worker.at("requests"), worker.at("weight")};
  }
  return views;
}

std::string Cluster::state_of(const std::string& name) const {
  const auto views = workers();
  const auto found = views.find(name);
  return found == views.end() ? "unknown" : found->second.state;
}

std::uint64_t Cluster::requests_of(const std::string& name) const {
  return workers().at(name).requests;
}

bool Cluster::await_state(const std::string& name, const std::string& state) const {
  return eventually([&] { return state_of(name) == state; });
}

std::string await_leader(const std::map<std::string, std::string>& controls) {
  std::string leads;
  const bool found = eventually([&] {
    for (const auto& [name, address] : controls) {
      if (get(address, "/primary").status == 200) leads = name;
    }
    return !leads.empty();
  });
  if (!found) throw std::runtime_error("nobody leads");
  return leads;
}

}  // namespace tandem::e2e
