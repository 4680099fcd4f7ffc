from photohub.lib.messaging import tasks


def test_a_task_is_known_by_its_module_and_name_and_stays_a_function(monkeypatch):
    monkeypatch.setattr(tasks, "TASKS", {})

    @tasks.task
    def mark(ids):
        return len(ids)

    assert tasks.TASKS == {f"{__name__}.mark": mark} and mark(["a"]) == 1


def test_a_task_that_looks_for_rows_says_what_waits(monkeypatch):
    monkeypatch.setattr(tasks, "TASKS", {})
    monkeypatch.setattr(tasks, "WAITS", {})

    @tasks.looking(lambda: True)
    def sweep():
        return None

    assert tasks.TASKS == {f"{__name__}.sweep": sweep} and tasks.WAITS[f"{__name__}.sweep"]()
