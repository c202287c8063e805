// Folders for tests, of their own and gone with them. Throw std::system_error where the system gives none.
#pragma once

#include <stdlib.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <string>
#include <system_error>

namespace support {

class Folder {
 public:
  Folder() {
    std::string pattern = (std::filesystem::temp_directory_path() / "taskmesh-test-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr)
      throw std::system_error(errno, std::generic_category(), "mkdtemp");
    path_ = pattern;
  }
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

/// A folder that is $XDG_RUNTIME_DIR of this process meanwhile. One at a time.
class RuntimeFolder : public Folder {
 public:
  RuntimeFolder() {
    if (const char* before = std::getenv(variable)) before_ = before;
    ::setenv(variable, path().c_str(), 1);
  }
  ~RuntimeFolder() {
    if (before_) {
      ::setenv(variable, before_->c_str(), 1);
    } else {
      ::unsetenv(variable);
    }
  }
  RuntimeFolder(const RuntimeFolder&) = delete;
  RuntimeFolder& operator=(const RuntimeFolder&) = delete;
  std::filesystem::path mesh(const std::string& name = "m") const { return path() / "taskmesh" / name; }

 private:
  static constexpr const char* variable = "XDG_RUNTIME_DIR";
  std::optional<std::string> before_;
};

}  // namespace support
