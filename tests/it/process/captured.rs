//! captured
