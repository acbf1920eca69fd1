// publications.hpp: all registries that are written, on a thread of their own: no other loop waits
// until what they say is parsed, or until they answer.
//
// There is no thread while there is no publication. Owner: any one thread; what it reports comes on
// the thread of the publications, and nothing after stop(). A report that was under way when set()
// left its publication out may still come.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "master/publication/publication.hpp"
#include "master/publication/publication_spec.hpp"

namespace tandem::master {

class Publications {
 public:
  // `publication`: the text of its spec.
  using Report = std::function<void(const std::string& publication, PublicationReport report)>;
  // Whether it was all told; otherwise which one does not know, and why.
  using Withdrawn = std::function<void(std::string problem)>;
  // What is to be written there now; any thread.
  using WantedOf = std::function<WantedEntries(PublicationSpec::What what)>;

  Publications(Report report, MayPublish may_publish);
  ~Publications();  // stops, and leaves what is published
  Publications(const Publications&) = delete;
  Publications& operator=(const Publications&) = delete;

  // What is written from now on, each text once; what was written before is written on, and what
  // is no longer written is taken away. Does not wait.
  void set(std::vector<PublicationSpec> specs);
  // See Publication. Do not wait.
  void lead(PublishingMaster master, const WantedOf& wanted);
  void change(const WantedOf& wanted);
  void lead_no_more();
  // Calls `withdrawn` when the worker at `address` is gone everywhere, or that is known to be in
  // doubt: once.
  void withdraw(const Endpoint& address, Withdrawn withdrawn);
  bool any() const { return running_ != nullptr; }
  // Waits for no registry, or limits::publication_farewell at most.
  void stop(Publication::Entries entries);

 private:
  struct Running;

  const Report report_;
  const MayPublish may_publish_;
  std::unique_ptr<Running> running_;  // null: there is no publication
};

}  // namespace tandem::master
