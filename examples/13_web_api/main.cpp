// The document pipeline of example 07 as a web service: a document is a task, and tells how far it is.
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <taskmesh/taskmesh.hpp>

#include "07_document_pipeline/stages/classify.hpp"
#include "07_document_pipeline/stages/extract.hpp"
#include "07_document_pipeline/stages/generate.hpp"
#include "07_document_pipeline/stages/postprocess.hpp"
#include "07_document_pipeline/stages/rules.hpp"
#include "progress.hpp"
#include "receive.hpp"

namespace {

struct Report {
  std::string title;
  std::string kind;
  std::uint64_t words = 0;
  std::string page;
  template <class Archive>
  void serialize(Archive& archive) {
    archive(CEREAL_NVP(title), CEREAL_NVP(kind), CEREAL_NVP(words), CEREAL_NVP(page));
  }
};

Report process(Progress::Entry progress, const pipeline::Source& source) {
  progress.at("extract");
  pipeline::Document document = pipeline::extract(source);
  progress.at("classify");
  document = pipeline::classify(std::move(document));
  progress.at("rules");
  document = pipeline::apply_rules(std::move(document));
  progress.at("generate");
  const pipeline::Page page = pipeline::generate(document);
  progress.at("post-process");
  const pipeline::Record record = pipeline::postprocess(page, source.root);
  return {record.title, record.kind, record.words, page.html};
}

/// The document as a file, while it is worked on.
class Upload {
 public:
  Upload(std::filesystem::path path, const std::string& text) : path_(std::move(path)) {
    std::ofstream file(path_, std::ios::binary);
    file << text;
    if (!file.flush())
      throw std::runtime_error("the document cannot be kept at " + path_.string() + ": is the disk full?");
  }
  Upload(const Upload&) = delete;
  Upload& operator=(const Upload&) = delete;
  ~Upload() {
    std::error_code gone_already;
    std::filesystem::remove(path_, gone_already);
  }

 private:
  const std::filesystem::path path_;
};

}  // namespace

int main(int count, char** words) {
  if (count > 1 && std::string(words[1]) == "receive") return receive();
  std::string uploads = (std::filesystem::temp_directory_path() / "taskmesh-web-XXXXXX").string();
  if (::mkdtemp(uploads.data()) == nullptr) {
    std::cerr << "there is no folder for uploads: " << uploads << " cannot be made (" << std::strerror(errno)
              << "); give TMPDIR a place that can be written to\n";
    return 1;
  }
  Progress progress;
  taskmesh::Worker worker{{.slots = 4}};
  worker.serve("document.process", [&](taskmesh::TaskContext& context, const std::string& name,
                                       const std::string& text, const std::string& hold_at) {
    const std::string file = to_string(context.id()) + std::filesystem::path(name).extension().string();
    const Upload upload(std::filesystem::path(uploads) / file, text);
    return process({progress, context, hold_at}, {uploads, file});
  });
  worker.serve("document.progress", [&](const std::string& id) { return progress.of(id); });
  worker.serve("document.release", [&](const std::string& id) { return progress.release(id); });
  worker.run();
  std::filesystem::remove_all(uploads);
}
