#[test]
fn the_shipped_table_is_well_formed() {
    assert!(super::Classes::shipped().iter().count() > 80);
}
