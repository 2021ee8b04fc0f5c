//! The settings that a request from outside may make: limits on itself and the shape of its answer.
//!
//! A list of what is allowed: among ClickHouse's settings are names of files, another language for
//! statements, and ways round its own bounds.

/// Whether a request from outside may make this setting.
pub(super) fn may_be_set(name: &str) -> bool {
    OPEN.contains(&name)
}

const OPEN: &[&str] = &[
    // Limits, each of them below those that stand for all.
    "max_threads",
    "max_block_size",
    "max_execution_time",
    "max_result_rows",
    "max_result_bytes",
    "result_overflow_mode",
    "max_rows_to_read",
    "max_bytes_to_read",
    "read_overflow_mode",
    "timeout_overflow_mode",
    "max_rows_in_join",
    "max_bytes_in_join",
    "max_rows_to_group_by",
    "group_by_overflow_mode",
    "limit",
    "offset",
    // The meaning of the question.
    "extremes",
    "join_use_nulls",
    "aggregate_functions_null_for_empty",
    "union_default_mode",
    "count_distinct_implementation",
    "session_timezone",
    "date_time_input_format",
    "date_time_output_format",
    // The shape of the answer.
    "output_format_json_quote_64bit_integers",
    "output_format_json_quote_64bit_floats",
    "output_format_json_quote_denormals",
    "output_format_json_quote_decimals",
    "output_format_json_named_tuples_as_objects",
    "output_format_json_array_of_rows",
    "output_format_csv_crlf_end_of_line",
    "output_format_tsv_crlf_end_of_line",
    "output_format_native_encode_types_in_binary_format",
    "output_format_native_use_flattened_dynamic_and_json_serialization",
    "output_format_arrow_string_as_string",
    "output_format_arrow_compression_method",
    "output_format_parquet_string_as_string",
    "output_format_parquet_compression_method",
    "output_format_pretty_max_rows",
    "output_format_pretty_color",
    "output_format_write_statistics",
    "format_csv_delimiter",
    "format_csv_null_representation",
    "format_tsv_null_representation",
    "bool_true_representation",
    "bool_false_representation",
    "low_cardinality_allow_in_native_format",
    // What clients of the HTTP interface say of the way there and back.
    "http_headers_progress_interval_ms",
    "cancel_http_readonly_queries_on_client_close",
    // How rows that come in are read; none of these evaluates anything.
    "input_format_skip_unknown_fields",
    "input_format_null_as_default",
    "input_format_allow_errors_num",
    "input_format_allow_errors_ratio",
    "input_format_with_names_use_header",
    "input_format_with_types_use_header",
    "input_format_defaults_for_omitted_fields",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_names_files_or_another_language_is_not_open() {
        for name in [
            "dialect",
            "format_schema",
            "output_format_schema",
            "format_template_row",
            "readonly",
            "user_files_path",
            "allow_introspection_functions",
            "max_memory_usage",
            "MAX_THREADS",
            "",
            "implicit_select",
            "log_queries",
            "profile",
            "additional_table_filters",
            "input_format_values_interpret_expressions",
            "log_comment",
        ] {
            assert!(!may_be_set(name), "{name}");
        }
        assert!(may_be_set("max_threads"));
    }
}
