// A shared library that is no task module.
extern "C" int answer() { return 42; }
