//! started
