from photohub.lib.pages import vendor


def test_only_listed_files_that_exist_are_found(tmp_path, settings):
    settings.BASE_DIR = tmp_path
    name, source = next(iter(vendor.FILES.items()))
    target = tmp_path / "node_modules" / source
    finder = vendor.VendorFinder()
    assert finder.find(name) == [] and list(finder.list([])) == []
    target.parent.mkdir(parents=True)
    target.write_text("x")
    assert finder.find(name) == str(target)
    assert [found for found, _ in finder.list([])] == [name]
    assert finder.find("vendor/../../settings.py") == []
