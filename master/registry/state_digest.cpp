#include "master/registry/state_digest.hpp"

namespace tandem::master {

namespace {

constexpr std::uint64_t prime = 0x100000001b3u;

void add(RecordHash& hash, const Endpoint& endpoint) {
  hash.text(endpoint.host).number(endpoint.port);
}

}  // namespace

// Adds the length too, so that different lists of texts have different hashes.
RecordHash& RecordHash::text(std::string_view text) {
  for (const char c : text) value_ = (value_ ^ static_cast<unsigned char>(c)) * prime;
  return number(text.size());
}

RecordHash& RecordHash::number(std::uint64_t number) {
  for (int byte = 0; byte < 8; ++byte) value_ = (value_ ^ (number >> 8 * byte & 0xff)) * prime;
  return *this;
}

// The finish of SplitMix64 (Steele, Lea, Flood 2014): sums of hashes that differ in few bits must
// not cancel out.
std::uint64_t RecordHash::value() const {
  auto mixed = value_;
  mixed = (mixed ^ mixed >> 30) * 0xbf58476d1ce4e5b9u;
  mixed = (mixed ^ mixed >> 27) * 0x94d049bb133111ebu;
  return mixed ^ mixed >> 31;
}

std::uint64_t hash_of(std::string_view name, const JoinedWorker& worker) {
  RecordHash hash("joined");
  hash.text(name).text(worker.service).text(worker.incarnation);
  add(hash, worker.address);
  hash.number(worker.weight).number(worker.connections).number(worker.takes_term);
  // Older versions do not know it, and have the same digest without it.
  if (worker.protocol) hash.text(wire::to_string(*worker.protocol));
  if (worker.tls) hash.text("tls");
  hash.number(worker.witness.has_value());
  if (worker.witness) {
    hash.number(worker.witness->incarnation);
    add(hash, worker.witness->control);
  }
  return hash.value();
}

std::uint64_t hash_of(std::string_view name, const wire::WorkerSpec& added) {
  RecordHash hash("added");
  hash.text(name).text(added.service);
  add(hash, added.address);
  return hash.number(added.weight).number(added.connections).value();
}

std::uint64_t hash_of(std::string_view name, unsigned weight) {
  return RecordHash("weight").text(name).number(weight).value();
}

// The hash of its text: it has dozens of members, and only people change it.
std::uint64_t hash_of(std::string_view service, const wire::ServiceSettings& settings) {
  return RecordHash("settings")
      .text(to_json(Change(SetSettings{std::string(service), settings})))
      .value();
}

std::uint64_t hash_of(std::string_view name, const MasterRecord& master) {
  RecordHash hash("master");
  hash.text(name).text(master.replaces);
  add(hash, master.address);
  return hash.value();
}

std::uint64_t hash_of(const wire::Route& route) {
  return RecordHash("route").text(wire::to_json(route)).value();
}

std::uint64_t hash_of(const RemoveWorker& removed) {
  return RecordHash("removed").text(removed.name).text(removed.incarnation).value();
}

std::uint64_t hash_of_drained(std::string_view name) {
  return RecordHash("drained").text(name).value();
}

}  // namespace tandem::master
