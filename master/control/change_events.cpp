#include "master/control/change_events.hpp"

#include <fmt/format.h>

#include "common/wire/json_reader.hpp"

namespace tandem::master {

namespace {

template <class... Visitors>
struct Overloaded : Visitors... {
  using Visitors::operator()...;
};
template <class... Visitors>
Overloaded(Visitors...) -> Overloaded<Visitors...>;

Event of(std::string what, std::string subject, std::string text) {
  return {.kind = EventKind::change,
          .what = std::move(what),
          .subject = std::move(subject),
          .text = std::move(text)};
}

std::string weight_text(std::optional<unsigned> weight) {
  return weight ? fmt::format("{}", *weight) : "its own";
}

Event joined(const Join& join, const ClusterState& state) {
  const auto& worker = join.worker;
  const auto known = state.joined.find(join.name);
  auto event = of("join", join.name,
                  fmt::format("{} {} at {}, for the service {}", join.name,
                              known == state.joined.end() ? "joined" : "is described anew",
                              worker.address.to_string(), worker.service));
  const auto after = worker.address.to_string();
  const auto before =
      known == state.joined.end() ? std::string() : known->second.address.to_string();
  if (before == after) return event;  // something else about it is new
  event.before = before;
  event.after = after;
  return event;
}

Event drained(const SetDrained& change, const ClusterState& state) {
  const auto said = [](bool is_drained) { return is_drained ? "drained" : "not drained"; };
  auto event = of(change.drained ? "drain" : "undrain", change.name,
                  fmt::format(fmt::runtime(change.drained ? "{} is drained: it gets no new requests"
                                                          : "{} gets requests again"),
                              change.name));
  event.before = said(state.drained.contains(change.name));
  event.after = said(change.drained);
  return event;
}

Event weighed(const SetWeight& change, const ClusterState& state) {
  const auto known = state.weights.find(change.name);
  auto event = of("weight", change.name,
                  fmt::format("the weight of {} is {}", change.name, weight_text(change.weight)));
  event.before =
      weight_text(known == state.weights.end() ? std::nullopt : std::optional(known->second));
  event.after = weight_text(change.weight);
  return event;
}

Event routed(const std::string& host, const std::string& prefix, const wire::Route* route,
             const ClusterState& state) {
  const auto place = host + prefix;
  auto event = of(route != nullptr ? "route" : "unroute", place,
                  route != nullptr ? fmt::format("{} is answered by {}", place, route->service)
                                   : fmt::format("{} has no route any more", place));
  const auto known = state.routes.find({host, prefix});
  if (known != state.routes.end()) event.before = wire::to_json(known->second);
  if (route != nullptr) event.after = wire::to_json(*route);
  return event;
}

Event set(const std::string& service, const wire::ServiceSettings* settings,
          const ClusterState& state) {
  auto event =
      of(settings != nullptr ? "settings" : "unset", service,
         fmt::format(fmt::runtime(settings != nullptr ? "{} has new settings"
                                                      : "{} has no settings of its own any more"),
                     service));
  const auto known = state.settings.find(service);
  if (known != state.settings.end()) event.before = wire::to_json(known->second);
  if (settings != nullptr) event.after = wire::to_json(*settings);
  return event;
}

Event admitted(const AdmitMaster& admit) {
  auto event =
      of("admit", admit.name,
         fmt::format("{} is a master, at {}", admit.name, admit.master.address.to_string()));
  if (!admit.master.replaces.empty()) {
    event.text += fmt::format(", and takes the place of {}", admit.master.replaces);
  }
  return event;
}

}  // namespace

std::optional<Event> event_of(const Change& change, const ClusterState& state) {
  using Told = std::optional<Event>;
  return std::visit(
      Overloaded{[&](const Join& join) -> Told { return joined(join, state); },
                 [](const Leave& leave) -> Told {
                   return of("leave", leave.name, fmt::format("{} has left", leave.name));
                 },
                 [&](const SetDrained& drain) -> Told { return drained(drain, state); },
                 [&](const SetWeight& weight) -> Told { return weighed(weight, state); },
                 [](const AddWorker& add) -> Told {
                   return of("add", add.spec.name,
                             fmt::format("{} was added at {}, for the service {}", add.spec.name,
                                         add.spec.address.to_string(), add.spec.service));
                 },
                 [](const RemoveWorker& remove) -> Told {
                   return of("remove", remove.name, fmt::format("{} was removed", remove.name));
                 },
                 [&](const SetRoute& route) -> Told {
                   return routed(route.route.host, route.route.prefix, &route.route, state);
                 },
                 [&](const RemoveRoute& route) -> Told {
                   return routed(route.host, route.prefix, nullptr, state);
                 },
                 [&](const SetSettings& settings) -> Told {
                   return set(settings.service, &settings.settings, state);
                 },
                 [&](const RemoveSettings& settings) -> Told {
                   return set(settings.service, nullptr, state);
                 },
                 [](const SetSecret&) -> Told { return std::nullopt; },
                 [&](const RaiseFeatureLevel& raise) -> Told {
                   auto event =
                       of("feature_level", "", fmt::format("the feature level is {}", raise.level));
                   event.before = fmt::format("{}", state.feature_level);
                   event.after = fmt::format("{}", raise.level);
                   return event;
                 },
                 [](const SetMasters& masters) -> Told {
                   std::string names;
                   for (const auto& [name, master] : masters.masters)
                     names += (names.empty() ? "" : ", ") + name;
                   return of("masters", "", fmt::format("the masters are {}", names));
                 },
                 [](const AdmitMaster& admit) -> Told { return admitted(admit); },
                 [](const ExpelMaster& expel) -> Told {
                   return of("expel", expel.name,
                             fmt::format("{} is no master any more", expel.name));
                 }},
      change);
}

}  // namespace tandem::master
