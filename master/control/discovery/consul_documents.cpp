#include "master/control/discovery/consul_documents.hpp"

#include <iterator>
#include <map>
#include <set>

#include <fmt/format.h>

#include "common/base/endpoint.hpp"
#include "common/base/json_text.hpp"

namespace tandem::master {

namespace {

using wire::WorkerStatus;

bool gets_traffic(const WorkerStatus& worker) { return worker.state == "up" && worker.weight > 0; }

// One that drains serves what it has: it is not broken, and wants no more.
const char* check_of(const WorkerStatus& worker) {
  if (worker.state == "up") return worker.weight > 0 ? "passing" : "warning";
  return worker.state == "draining" ? "warning" : "critical";
}

const char* tls_of(const WorkerStatus& worker) { return worker.tls ? "true" : "false"; }

// Where it is. The host name of a backend that was never resolved stays a name.
Endpoint place_of(const WorkerStatus& worker) {
  const auto parsed = parse_endpoint(worker.address, "address");
  return parsed ? *parsed : Endpoint{worker.address, 0};
}

// Commas between the elements of a list that is written piece by piece. Names need no quoting
// (common/base/name.hpp), hosts neither.
class List {
 public:
  template <class... Arguments>
  void add(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    if (text_.size() > 1) text_ += ',';
    fmt::format_to(std::back_inserter(text_), format, std::forward<Arguments>(arguments)...);
  }
  std::string text() const { return text_ + ']'; }

 private:
  std::string text_ = "[";
};

std::string node_of(const WorkerStatus& worker, const std::string& host) {
  return fmt::format(
      R"({{"ID":"","Node":"{}","Address":"{}","Datacenter":"{}","TaggedAddresses":{{}},)"
      R"("Meta":{{}}}})",
      worker.name, host, consul_datacenter);
}

std::string meta_of(const WorkerStatus& worker) {
  return fmt::format(R"({{"kind":"{}","protocol":"{}","tls":"{}"}})", worker.kind, worker.protocol,
                     tls_of(worker));
}

}  // namespace

std::string consul_services(const std::vector<WorkerStatus>& workers) {
  std::map<std::string_view, std::set<std::string_view>> services;
  for (const auto& worker : workers) services[worker.service].insert(worker.protocol);
  std::string text = "{";
  for (const auto& [service, protocols] : services) {
    List tags;
    for (const auto protocol : protocols) tags.add(R"("{}")", protocol);
    fmt::format_to(std::back_inserter(text), R"({}"{}":{})", text.size() > 1 ? "," : "", service,
                   tags.text());
  }
  return text + "}";
}

std::string consul_health(const std::vector<WorkerStatus>& workers, std::string_view service,
                          bool passing) {
  List list;
  for (const auto& worker : workers) {
    if (worker.service != service || (passing && !gets_traffic(worker))) continue;
    const auto [host, port] = place_of(worker);
    std::string output;
    append_json_text(output, worker.reason);
    list.add(
        R"({{"Node":{},"Service":{{"ID":"{}","Service":"{}","Tags":["{}"],"Address":"{}",)"
        R"("Port":{},"Meta":{},"Weights":{{"Passing":{},"Warning":0}}}},"Checks":[{{"Node":"{}",)"
        R"("CheckID":"service:{}","Name":"Tandem","Status":"{}","Output":{},"ServiceID":"{}",)"
        R"("ServiceName":"{}"}}]}})",
        node_of(worker, host), worker.name, worker.service, worker.protocol, host, port,
        meta_of(worker), worker.weight, worker.name, worker.name, check_of(worker), output,
        worker.name, worker.service);
  }
  return list.text();
}

std::string consul_catalog(const std::vector<WorkerStatus>& workers, std::string_view service) {
  List list;
  for (const auto& worker : workers) {
    if (worker.service != service) continue;
    const auto [host, port] = place_of(worker);
    list.add(
        R"({{"ID":"","Node":"{}","Address":"{}","Datacenter":"{}","NodeMeta":{{}},)"
        R"("ServiceID":"{}","ServiceName":"{}","ServiceTags":["{}"],"ServiceAddress":"{}",)"
        R"("ServicePort":{},)"
        R"("ServiceMeta":{},"ServiceWeights":{{"Passing":{},"Warning":0}}}})",
        worker.name, host, consul_datacenter, worker.name, worker.service, worker.protocol, host,
        port, meta_of(worker), worker.weight);
  }
  return list.text();
}

std::string consul_self(std::string_view node) {
  return fmt::format(R"({{"Config":{{"Datacenter":"{0}","NodeName":"{1}"}},)"
                     R"("Member":{{"Name":"{1}","Status":1}}}})",
                     consul_datacenter, node);
}

std::string prometheus_targets(const std::vector<WorkerStatus>& workers) {
  List list;
  for (const auto& worker : workers) {
    list.add(
        R"({{"targets":["{}"],"labels":{{"__meta_tandem_service":"{}","__meta_tandem_worker":"{}",)"
        R"("__meta_tandem_state":"{}","__meta_tandem_kind":"{}","__meta_tandem_protocol":"{}",)"
        R"("__meta_tandem_tls":"{}"}}}})",
        worker.address, worker.service, worker.name, worker.state, worker.kind, worker.protocol,
        tls_of(worker));
  }
  return list.text();
}

}  // namespace tandem::master
