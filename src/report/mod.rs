//! Documents, charts and their rendering.
