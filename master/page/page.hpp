// page.hpp: the files of the page at the control address, as the build has embedded them
// (embed.cmake).
#pragma once

#include <string_view>

namespace tandem::master::page {

extern const std::string_view html;
extern const std::string_view style;
extern const std::string_view script;
// uPlot (MIT), of scripts/install-npm.sh; both empty where the build did not have it.
extern const std::string_view charts;
extern const std::string_view charts_style;

}  // namespace tandem::master::page
