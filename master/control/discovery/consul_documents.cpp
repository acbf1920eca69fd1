#include "master/control/discovery/consul_documents.hpp"

#include <algorithm>
#include <iterator>
#include <map>
#include <set>

#include <fmt/format.h>

#include "common/base/ascii.hpp"
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

std::string json_text_of(std::string_view text) {
  std::string json;
  append_json_text(json, text);
  return json;
}

// Commas between the elements of a list or an object that is written piece by piece. Names need no
// quoting (common/base/name.hpp), hosts neither.
class List {
 public:
  explicit List(char opening = '[') : text_(1, opening) {}

  template <class... Arguments>
  void add(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
    if (text_.size() > 1) text_ += ',';
    fmt::format_to(std::back_inserter(text_), format, std::forward<Arguments>(arguments)...);
  }
  std::string text() const { return text_ + (text_.front() == '[' ? ']' : '}'); }

 private:
  std::string text_;
};

std::string node_of(const WorkerStatus& worker, const std::string& host) {
  return fmt::format(
      R"({{"ID":"","Node":"{}","Address":"{}","Datacenter":"{}","TaggedAddresses":{{}},)"
      R"("Meta":{{}}}})",
      worker.name, host, consul_datacenter);
}

std::string list_of(const std::vector<std::string>& tags) {
  List list;
  for (const auto& tag : tags) list.add("{}", json_text_of(tag));
  return list.text();
}

std::string object_of(const std::map<std::string, std::string>& meta) {
  List object('{');
  for (const auto& [key, value] : meta) object.add("{}:{}", json_text_of(key), json_text_of(value));
  return object.text();
}

// An instance in the words of a registry: of its own where it has registered.
struct Instance {
  const WorkerStatus& worker;
  const Registration* registration;  // null: it heartbeats, or an operator added it
  Instant now;

  std::string id() const { return json_text_of(registration ? registration->id : worker.name); }
  std::vector<std::string> tags() const {
    return registration ? registration->tags : std::vector<std::string>{worker.protocol};
  }
  std::string meta() const {
    if (registration) return object_of(registration->meta);
    return object_of(
        {{"kind", worker.kind}, {"protocol", worker.protocol}, {"tls", tls_of(worker)}});
  }
  unsigned weight_in_warning() const {
    return registration && registration->weights ? registration->weights->warning : 0;
  }
  bool is_passing() const {
    return gets_traffic(worker) &&
           (!registration || registration->reported(now) == CheckStatus::passing);
  }
  bool has(const std::vector<std::string>& wanted) const {
    const auto mine = tags();
    return std::all_of(wanted.begin(), wanted.end(), [&](const auto& tag) {
      return std::find(mine.begin(), mine.end(), tag) != mine.end();
    });
  }
};

// One with an index over all that is asked for.
template <class Function>
void for_each_wanted(const WorkersSeen& seen, const InstancesWanted& wanted, Function tell) {
  for (const auto& worker : seen.workers) {
    if (worker.service != wanted.service) continue;
    const Instance instance{worker, seen.registrations.of_worker(worker.name), seen.now};
    if (wanted.passing && !instance.is_passing()) continue;
    if (instance.has(wanted.tags)) tell(instance);
  }
}

// Its state as Tandem sees it, and what it says of itself.
std::string checks_of(const Instance& instance) {
  const auto& worker = instance.worker;
  List list;
  list.add(R"({{"Node":"{}","CheckID":"tandem:{}","Name":"Tandem","Status":"{}","Output":{},)"
           R"("ServiceID":{},"ServiceName":"{}"}})",
           worker.name, worker.name, check_of(worker), json_text_of(worker.reason), instance.id(),
           worker.service);
  if (instance.registration == nullptr) return list.text();
  for (const auto& check : instance.registration->checks) {
    if (!check.is_reported()) continue;  // it is what Tandem sees
    list.add(R"({{"Node":"{}","CheckID":{},"Name":{},"Status":"{}","Notes":{},"Output":{},)"
             R"("ServiceID":{},"ServiceName":"{}","ServiceTags":{},"Type":"ttl"}})",
             worker.name, json_text_of(check.id), json_text_of(check.name),
             to_string(check.status(instance.now)), json_text_of(check.notes),
             json_text_of(check.said(instance.now)), instance.id(), worker.service,
             list_of(instance.tags()));
  }
  return list.text();
}

// As a label of Prometheus may be named.
std::string label_of(std::string_view key) {
  std::string label(key);
  for (auto& byte : label) {
    if (!is_letter(byte) && !is_digit(byte)) byte = '_';
  }
  return label;
}

// As Prometheus' own discovery writes tags: ",a,b,", so that a pattern finds ",a,".
std::string registered_labels(const Registration& registration) {
  std::string tags = ",";
  for (const auto& tag : registration.tags) tags += tag + ",";
  std::string labels = R"(,"__meta_tandem_tags":)" + json_text_of(tags);
  std::set<std::string> told;
  for (const auto& [key, value] : registration.meta) {
    const auto label = label_of(key);
    if (!told.insert(label).second) continue;  // another key is named so
    labels += fmt::format(R"(,"__meta_tandem_meta_{}":{})", label, json_text_of(value));
  }
  return labels;
}

bool is_seen(const RegistrationsSeen& seen, const Registration& registration) {
  return !registration.removed && (!seen.owner || *seen.owner == registration.owner);
}

const char* kind_of(const RegisteredCheck& check) {
  if (!check.probe) return "ttl";
  return check.probe->path.empty() ? "tcp" : "http";
}

}  // namespace

std::string consul_services(const WorkersSeen& seen) {
  std::map<std::string_view, std::set<std::string>> services;
  for (const auto& worker : seen.workers) {
    auto& tags = services[worker.service];
    for (auto& tag : Instance{worker, seen.registrations.of_worker(worker.name), seen.now}.tags()) {
      tags.insert(std::move(tag));
    }
  }
  List object('{');
  for (const auto& [service, tags] : services) {
    object.add(R"("{}":{})", service, list_of({tags.begin(), tags.end()}));
  }
  return object.text();
}

std::string consul_health(const WorkersSeen& seen, const InstancesWanted& wanted) {
  List list;
  for_each_wanted(seen, wanted, [&](const Instance& instance) {
    const auto& worker = instance.worker;
    const auto [host, port] = place_of(worker);
    list.add(R"({{"Node":{},"Service":{{"ID":{},"Service":"{}","Tags":{},"Address":"{}",)"
             R"("Port":{},"Meta":{},"Weights":{{"Passing":{},"Warning":{}}}}},"Checks":{}}})",
             node_of(worker, host), instance.id(), worker.service, list_of(instance.tags()), host,
             port, instance.meta(), worker.weight, instance.weight_in_warning(),
             checks_of(instance));
  });
  return list.text();
}

std::string consul_catalog(const WorkersSeen& seen, const InstancesWanted& wanted) {
  List list;
  for_each_wanted(seen, wanted, [&](const Instance& instance) {
    const auto& worker = instance.worker;
    const auto [host, port] = place_of(worker);
    list.add(R"({{"ID":"","Node":"{}","Address":"{}","Datacenter":"{}","NodeMeta":{{}},)"
             R"("ServiceID":{},"ServiceName":"{}","ServiceTags":{},"ServiceAddress":"{}",)"
             R"("ServicePort":{},)"
             R"("ServiceMeta":{},"ServiceWeights":{{"Passing":{},"Warning":{}}}}})",
             worker.name, host, consul_datacenter, instance.id(), worker.service,
             list_of(instance.tags()), host, port, instance.meta(), worker.weight,
             instance.weight_in_warning());
  });
  return list.text();
}

std::string consul_self(std::string_view node) {
  return fmt::format(R"({{"Config":{{"Datacenter":"{0}","NodeName":"{1}"}},)"
                     R"("Member":{{"Name":"{1}","Status":1}}}})",
                     consul_datacenter, node);
}

std::string prometheus_targets(const WorkersSeen& seen) {
  List list;
  for (const auto& worker : seen.workers) {
    const auto* registration = seen.registrations.of_worker(worker.name);
    list.add(
        R"({{"targets":["{}"],"labels":{{"__meta_tandem_service":"{}","__meta_tandem_worker":"{}",)"
        R"("__meta_tandem_state":"{}","__meta_tandem_kind":"{}","__meta_tandem_protocol":"{}",)"
        R"("__meta_tandem_tls":"{}"{}}}}})",
        worker.address, worker.service, worker.name, worker.state, worker.kind, worker.protocol,
        tls_of(worker), registration ? registered_labels(*registration) : std::string());
  }
  return list.text();
}

std::string consul_agent_services(const RegistrationsSeen& seen) {
  List object('{');
  for (const auto& [id, registration] : seen.registrations.all()) {
    if (!is_seen(seen, registration)) continue;
    const auto weights = registration.weights.value_or(RegistrationWeights());
    object.add(R"({}:{{"ID":{},"Service":"{}","Tags":{},"Meta":{},"Port":{},"Address":"{}",)"
               R"("TaggedAddresses":{{}},"Weights":{{"Passing":{},"Warning":{}}},)"
               R"("EnableTagOverride":false,"Datacenter":"{}"}})",
               json_text_of(id), json_text_of(id), registration.service, list_of(registration.tags),
               object_of(registration.meta), registration.address.port, registration.address.host,
               weights.passing, weights.warning, consul_datacenter);
  }
  return object.text();
}

std::string consul_agent_checks(const RegistrationsSeen& seen, std::string_view node) {
  List object('{');
  for (const auto& [id, registration] : seen.registrations.all()) {
    if (!is_seen(seen, registration)) continue;
    const std::string trouble(seen.workers.trouble(id));
    for (const auto& check : registration.checks) {
      std::string status;
      std::string output;
      if (!trouble.empty()) {
        status = "critical";
        output = trouble;
      } else if (check.is_reported()) {
        status = to_string(check.status(seen.now));
        output = check.said(seen.now);
      } else {
        const auto verdict = seen.workers.probed(id);
        status = verdict.passes ? "passing" : "critical";
        output = verdict.why;
      }
      object.add(R"({}:{{"Node":"{}","CheckID":{},"Name":{},"Status":"{}","Notes":{},)"
                 R"("Output":{},"ServiceID":{},"ServiceName":"{}","ServiceTags":{},"Type":"{}"}})",
                 json_text_of(check.id), node, json_text_of(check.id), json_text_of(check.name),
                 status, json_text_of(check.notes), json_text_of(output), json_text_of(id),
                 registration.service, list_of(registration.tags), kind_of(check));
    }
  }
  return object.text();
}

}  // namespace tandem::master
