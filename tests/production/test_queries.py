"""PostgreSQL answers the frequent queries by their indexes too."""


def test_frequent_queries_are_answered_by_their_indexes(stack):
    said = stack.console.run(
        "shell", "--no-imports", "-c", "from tests.queries import check_all; check_all()"
    )
    assert said.strip() == "all use their indexes"


def test_no_sweep_looks_at_more_than_it_returns_on_large_tables(stack):
    said = stack.console.run(
        "shell", "--no-imports", "-c", "from tests.large_tables import check_all; check_all()"
    )
    assert said.strip() == "none walks its table"


def test_no_list_of_several_filters_looks_at_more_than_it_shows(stack):
    said = stack.console.run(
        "shell", "--no-imports", "-c", "from tests.list_costs import check_all; check_all()"
    )
    assert said.strip() == "no list walks its table"


def test_combinations_of_filters_give_what_each_picture_says(stack):
    said = stack.console.run(
        "shell", "--no-imports", "-c", "from tests.filter_combinations import check_all; check_all()"
    )
    assert said.strip() == "all agree"
