#include "tests/grpc/grpc_cluster.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <stdexcept>

#include "tests/e2e/harness/wait.hpp"

namespace tandem::e2e {

namespace {

constexpr auto service = "interop";

PairClusterOptions masters_with(const std::vector<std::string>& settings,
                                const Arguments& arguments) {
  PairClusterOptions options;
  options.arguments = {"--route", fmt::format("/tandem.interop.TestService={}", service), "--route",
                       "/tandem.interop.UnimplementedService=nobody"};
  for (const auto& setting : settings) {
    options.arguments.insert(options.arguments.end(),
                             {"--service", fmt::format("{}:{}", service, setting)});
  }
  options.arguments.insert(options.arguments.end(), arguments.begin(), arguments.end());
  return options;
}

}  // namespace

bool is_installed(Language language) {
  switch (language) {
    case Language::go: return std::filesystem::exists(program("interop-client-go"));
    case Language::js:
      return installed("node") &&
             std::filesystem::exists(TANDEM_GRPC_SCRIPTS "/js/node_modules/@grpc/grpc-js");
    default: return true;
  }
}

GrpcCluster::GrpcCluster(const std::vector<std::string>& settings, const Arguments& arguments)
    : masters_(masters_with(settings, arguments)) {
  masters_.start_workers({"voter"});
}

// Python's servers and clients need what protoc has made.
Arguments GrpcCluster::command(Language language, const std::string& program_name) const {
  if (language == Language::js) {
    return {*installed("node"), fmt::format("{}/js/{}.js", TANDEM_GRPC_SCRIPTS, program_name)};
  }
  if (language != Language::python) {
    auto name = program_name;
    name.replace(name.find('_'), 1, "-");
    return {program(language == Language::go ? name + "-go" : name)};
  }
  Arguments line{"env", "PYTHONPATH=" TANDEM_GRPC_PYTHON, "PYTHONDONTWRITEBYTECODE=1"};
  line.insert(line.end(), environment_.begin(), environment_.end());
  line.insert(line.end(),
              {"/usr/bin/python3", fmt::format("{}/{}.py", TANDEM_GRPC_SCRIPTS, program_name)});
  return line;
}

void GrpcCluster::speak_tls(const std::string& authority, const std::string& certificate) {
  environment_ = {"INTEROP_AUTHORITY=" + authority};
  if (!certificate.empty()) environment_.push_back("INTEROP_CERTIFICATE=" + certificate);
}

Process& GrpcCluster::launch_server(const std::string& name, Language language,
                                    const Arguments& arguments) {
  auto line = command(language, "interop_server");
  line.push_back(name);
  if (addresses_.contains(name)) line.push_back(addresses_.at(name));
  line.insert(line.end(), arguments.begin(), arguments.end());
  auto& process = servers_[name];
  // The port that it had may be that of somebody's connection for a moment.
  const bool is_up = eventually([&] {
    process.reset();
    process = std::make_unique<Process>(masters_.dir(), name, line);
    try {
      addresses_[name] = field_of(process->await_line("ready"), "listen");
      return true;
    } catch (const std::runtime_error&) {
      return false;
    }
  });
  if (!is_up) throw std::runtime_error(name + " did not start: " + process->errors());
  return *process;
}

Process& GrpcCluster::launch_worker(const std::string& name, const std::string& target,
                                    const Arguments& arguments) {
  Arguments line{program("tandem-worker"), "--name", name, "--service", service, "--target", target,
                 "--check-interval",       "100ms"};
  for (const auto& master : masters_.names()) {
    line.insert(line.end(), {"--master", masters_.control(master)});
  }
  line.insert(line.end(), arguments.begin(), arguments.end());
  auto& process = workers_[name];
  process.reset();
  process = std::make_unique<Process>(masters_.dir(), name + "-worker", line);
  process->await_line("tandem-worker ready");
  return *process;
}

void GrpcCluster::start_server(const std::string& name, Language language,
                               const Arguments& arguments) {
  launch_server(name, language, arguments);
  launch_worker(name, addresses_.at(name), {"--protocol", "http2", "--check", "grpc"});
  if (!await_state(name, "up")) throw std::runtime_error(name + " did not come up");
}

bool GrpcCluster::await_state(const std::string& worker, const std::string& state) const {
  return eventually([&] {
    for (const auto& master : masters_.names()) {
      const auto workers = masters_.status(master).workers;
      const auto found = workers.find(worker);
      if (found == workers.end() || found->second.state != state) return false;
    }
    return true;
  });
}

std::unique_ptr<Process> GrpcCluster::call(Language language, const std::string& target,
                                           const std::vector<std::string>& cases) {
  auto line = command(language, "interop_client");
  line.push_back(target);
  line.insert(line.end(), cases.begin(), cases.end());
  return std::make_unique<Process>(masters_.dir(), fmt::format("client-{}", ++clients_), line);
}

std::string GrpcCluster::finish(Language language, const std::string& target,
                                const std::vector<std::string>& cases) {
  const auto client = call(language, target, cases);
  if (!client->await_exit()) throw std::runtime_error("the client did not end");
  return client->output() + client->errors();
}

std::string GrpcCluster::both(const std::string& first) const {
  return fmt::format("ipv4:{},{}", masters_.listen(first),
                     masters_.listen(masters_.standby_of(first)));
}

const std::vector<std::string>& interop_cases() {
  static const std::vector<std::string> cases{
      "empty_unary",
      "large_unary",
      "client_streaming",
      "server_streaming",
      "ping_pong",
      "empty_stream",
      "cancel_after_begin",
      "cancel_after_first_response",
      "custom_metadata",
      "timeout_on_sleeping_server",
      "unimplemented_method",
      "status_code_and_message",
      "special_status_message",
  };
  return cases;
}

std::string complaint(const std::string& said, const std::vector<std::string>& cases) {
  std::size_t end = 0;
  for (const auto& name : cases) {
    const auto line = "ok " + name + "\n";
    if (said.compare(end, line.size(), line) != 0) return name + ": " + said.substr(end);
    end += line.size();
  }
  return said.substr(end);
}

bool await_output(const Process& client, const std::string& text) {
  return eventually([&] { return client.output().find(text) != std::string::npos; });
}

bool await_more_calls(const Process& client, int calls) {
  const auto seen = [&] {
    const auto output = client.output();
    const auto at = output.rfind("calls good=");
    return at == output.npos ? 0 : std::stoi(output.substr(at + 11));
  };
  const auto before = seen();
  return eventually([&] { return seen() >= before + calls; });
}

std::string last_line(const Process& client) {
  auto output = client.output();
  if (output.ends_with('\n')) output.pop_back();
  return output.substr(output.rfind('\n') + 1);
}

}  // namespace tandem::e2e
