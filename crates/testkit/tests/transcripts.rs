//! The conversations in `transcripts/`.

#[test]
fn all_transcripts() {
    portolan_testkit::transcript::run_all(std::path::Path::new("tests/transcripts"));
}
