#include "master/control/masters_api.hpp"

#include <algorithm>

#include <boost/asio.hpp>
#include <nlohmann/json.hpp>

#include "common/core/limits.hpp"
#include "common/http/api_response.hpp"
#include "common/wire/json_reader.hpp"
#include "common/wire/limits.hpp"
#include "common/wire/masters.hpp"
#include "master/control/access_control.hpp"

namespace tandem::master {

namespace asio = boost::asio;

namespace {

// A master's known addresses: this one's own, or those that another one states.
wire::MasterStatus shown(const NodeView& node, const ClusterMember& member,
                         const std::string& name) {
  wire::MasterStatus master{.name = name, .control = {}, .listen = {}, .votes = member.votes(name)};
  if (name == node.node) {
    master.control = node.control.to_string();
    if (node.listen) master.listen = node.listen->to_string();
    return master;
  }
  const auto known = member.view().masters.find(name);
  if (known == member.view().masters.end()) return master;
  master.control = known->second.control.to_string();
  if (known->second.listen) master.listen = known->second.listen->to_string();
  return master;
}

std::string awaited(const wire::MasterStatus& master) {
  if (master.votes) return {};
  if (!master.listen.empty()) return fmt::format("{} is being brought up to date", master.name);
  return fmt::format("{} has not been heard at {}: start it there with --node {} and --join",
                     master.name, master.control, master.name);
}

std::string list_of(const NodeView& node, const ClusterMember& member) {
  const auto& view = member.view();
  wire::Masters list;
  if (view.cluster.value() != 0) list.cluster = fmt::format("{}", view.cluster);
  list.node = node.node;
  list.primary = view.primary.name();
  list.term = view.term;
  for (const auto& [name, record] : member.masters()) {
    auto master = shown(node, member, name);
    const bool is_said = !record.address.is_unspecified() || master.control.empty();
    if (is_said) master.control = record.address.to_string();
    if (record.replaces != name) master.replaces = record.replaces;  // it has moved
    master.waits_for = awaited(master);
    list.masters.push_back(std::move(master));
  }
  if (!list.masters.empty()) return wire::to_json(list);
  list.masters.push_back(shown(node, member, node.node));  // the state does not list the masters
  for (const auto& [name, addresses] : view.masters) {
    list.masters.push_back(shown(node, member, name));
  }
  std::sort(list.masters.begin(), list.masters.end(),
            [](const auto& a, const auto& b) { return a.name < b.name; });
  return wire::to_json(list);
}

Error conflict(std::string message, const char* field) {
  return fail(ErrorCode::conflict, std::move(message), field);
}

// {"name": "c", "address": "10.0.0.3:7070", "replaces": "b"}, the last member is optional.
Result<AdmitMaster> read_admission(std::string_view body) {
  const auto json = wire::parse_object(body, limits::control_body_bytes_max);
  if (!json) return json.error();
  AdmitMaster admit;
  std::string address;
  wire::MemberReader reader(*json);
  reader.name("name", admit.name);
  reader.text("address", address);
  if (!reader.is_null("replaces")) reader.name("replaces", admit.master.replaces);
  if (const auto read = reader.finish(wire::UnknownMembers::refuse); !read) return read.error();
  auto parsed = parse_endpoint(address, "address");
  if (!parsed) return parsed.error();
  if (parsed->port == 0 || parsed->is_unspecified()) {
    return invalid("address must be one that can be connected to", "address");
  }
  admit.master.address = std::move(*parsed);
  return admit;
}

// As soon as the feature level allows it the primary records who founded the cluster. A change
// before that would be taken for the whole list. Requests wait for the record, but not forever.
Result<> check_recorded(const ClusterMember& member) {
  const bool awaited = member.feature_level() >= wire::features::agreed_state;
  if (!member.masters().empty() || !awaited) return {};
  return fail(ErrorCode::unavailable,
              "the cluster has not recorded yet who its masters are: try again in a moment");
}

// Errors: why this master cannot be admitted. REQUIRES: the member may decide
Result<> check(const ClusterMember& member, const AdmitMaster& admit,
               tandem::tls::ClearText clear_text) {
  if (member.view().coordinator) {
    return conflict(
        "masters come by themselves: start one with the same --coordinator and --cluster", "name");
  }
  if (auto recorded = check_recorded(member); !recorded) return recorded;
  const auto& masters = member.masters();
  const auto& [address, replaces] = admit.master;
  const auto known = masters.find(admit.name);
  const bool moves = replaces == admit.name;
  if (known != masters.end() && known->second.address != address && !moves) {
    return conflict(
        fmt::format("{} is a master already, at {}", admit.name, known->second.address.to_string()),
        "name");
  }
  if (known == masters.end() && masters.size() >= limits::masters_max) {
    return conflict(
        fmt::format("a cluster has at most {} masters: remove one first", limits::masters_max),
        "name");
  }
  for (const auto& [name, master] : masters) {
    if (name == admit.name || master.address != address) continue;
    return conflict(fmt::format("{} is the address of {}", address.to_string(), name), "address");
  }
  const auto& voters = member.view().voters;
  const bool is_witness = std::any_of(voters.begin(), voters.end(), [&](const auto& voter) {
    return voter.name == admit.name && voter.kind == core::VoterKind::witness;
  });
  if (is_witness) return conflict(fmt::format("{} is the name of a witness", admit.name), "name");
  const bool has_replaced = known != masters.end() && !masters.contains(replaces);
  if (!replaces.empty() && !masters.contains(replaces) && !has_replaced) {
    return fail(ErrorCode::not_found, fmt::format("no master has the name {}", replaces),
                "replaces");
  }
  return tandem::tls::check_clear_text(clear_text, address, address.to_string(), "address");
}

// Errors: why `name` cannot be removed, for example because the remaining voters that answer would
// not be a majority.
Result<> check_removal(const ClusterMember& member, const std::string& name) {
  if (auto recorded = check_recorded(member); !recorded) return recorded;
  const auto& masters = member.masters();
  if (!masters.contains(name)) {
    return fail(ErrorCode::not_found, fmt::format("no master has the name {}", name), "name");
  }
  if (member.view().coordinator && member.votes(name)) {
    return conflict(fmt::format("{} takes part: stop it first", name), "name");
  }
  if (masters.size() == 1) {
    return conflict(fmt::format("{} is the only master, and a cluster needs one", name), "name");
  }
  const auto& view = member.view();
  if (!member.votes(name)) return {};
  if (view.alone && name == view.primary.name()) {
    return conflict(
        fmt::format("{0} continues alone: start the other again first, or put another in "
                    "the place of {0} (tandem master replace {0} NEW ADDRESS)",
                    name),
        "name");
  }
  if (view.alone && !view.other_is_out) {
    return conflict(
        fmt::format(
            "{0} continues alone, and {1} may do so too, where {0} does not reach it: it has "
            "neither answered since, nor has its machine refused a connection, which would "
            "prove that its process is gone. Start {1} again, or its machine, and repeat "
            "this; or put another in its place (tandem master replace {1} NEW ADDRESS)",
            view.primary, name),
        "name");
  }
  std::size_t remain = 0, answer = 0, lead = 0;
  for (const auto& voter : view.voters) {
    if (voter.name == name) continue;
    ++remain;
    if (voter.silent_since) continue;
    ++answer;
    lead += voter.kind == core::VoterKind::master && masters.contains(voter.name);
  }
  if (lead == 0) {
    return conflict(
        fmt::format("without {} there would be no master left that votes and answers", name),
        "name");
  }
  if (answer < remain / 2 + 1) {
    return conflict(fmt::format("without {} {} voters would be left, of which {} answer{}: that is "
                                "not a majority, and service would end",
                                name, remain, answer, answer == 1 ? "s" : ""),
                    "name");
  }
  return {};
}

asio::awaitable<ControlResponse> admit(const NodeView& node, ClusterMember& member,
                                       std::string_view body, wire::Author by,
                                       tandem::tls::ClearText clear_text) {
  auto wanted = read_admission(body);
  if (!wanted) co_return refusal(wanted.error());
  const auto possible = check(member, *wanted, clear_text);
  if (!possible) co_return refusal(possible.error());
  const auto& masters = member.masters();
  auto& replaces = wanted->master.replaces;
  if (!masters.contains(replaces))
    replaces.clear();  // it has been replaced already: the command is being repeated
  auto committing = member.commit(*wanted, std::move(by));
  if (const auto made = co_await std::move(committing); !made) {
    co_return not_committed(made.error());
  }
  auto response = document(list_of(node, member));
  response.status = 201;
  co_return response;
}

asio::awaitable<ControlResponse> expel(const NodeView& node, ClusterMember& member,
                                       std::string name, wire::Author by) {
  if (member.has_gone(name)) co_return document(list_of(node, member));  // nothing to do
  if (const auto possible = check_removal(member, name); !possible) {
    co_return refusal(possible.error());
  }
  auto committing = member.commit(ExpelMaster{name}, std::move(by));
  if (const auto made = co_await std::move(committing); !made) {
    co_return not_committed(made.error());
  }
  co_return document(list_of(node, member));
}

}  // namespace

void route_masters(ApiRouter& router, const NodeView& node, ClusterMember& member,
                   tandem::tls::ClearText clear_text) {
  using enum ApiEndpoint::Role;
  router.add({.method = "GET",
              .path = "/v1/masters",
              .handler = [&node, &member](const ControlRequest&, const std::string&) {
                return document(list_of(node, member));
              }});
  router.add(
      {.method = "POST",
       .path = "/v1/masters",
       .role = primary,
       .needs_masters = true,
       .handler = [&node, &member, clear_text](const ControlRequest& request, const std::string&) {
         return admit(node, member, request.body, AccessControl::author_of(request), clear_text);
       }});
  router.add({.method = "DELETE",
              .path = "/v1/masters/{name}",
              .role = primary,
              .needs_masters = true,
              .handler = [&node, &member](const ControlRequest& request, const std::string& name) {
                return expel(node, member, name, AccessControl::author_of(request));
              }});
}

}  // namespace tandem::master
