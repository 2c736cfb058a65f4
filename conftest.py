"""What holds for all tests."""

from hypothesis import settings

# a busy machine is no mistake of ours
settings.register_profile("ordermesh", deadline=None)
settings.load_profile("ordermesh")
