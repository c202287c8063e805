// Figures: what sections have measured, line by line. A line has a figure of the mesh and, where there is one, what it
// is held against; ratios are formed per round. Not for several threads.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace taskmesh::bench {

class Figures {
 public:
  /// One more round of the line `title`, which is made where it is not there yet. `unit`: "us", "/s", ...
  void add(std::string_view title, std::string_view unit, double mesh, double against);
  /// The same with nothing to be held against.
  void add(std::string_view title, std::string_view unit, double mesh);

  /// The lines with a heading; `against` names the last column.
  std::string to_text(const std::string& heading, const std::string& against) const;
  /// [{"title": .., "unit": .., "mesh": {median, lowest, highest}, "against": .., "ratio": ..}, ..]
  std::string to_json() const;

 private:
  struct Line {
    std::string title;
    std::string unit;
    std::vector<double> mesh;
    std::vector<double> against;
  };
  Line& line(std::string_view title, std::string_view unit);

  std::vector<Line> lines_;
};

}  // namespace taskmesh::bench
