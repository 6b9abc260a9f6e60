"""What has keys that a user's settings can change, beside the application itself."""

from birefnet_video.tui.asides import WithAsides
from birefnet_video.tui.dialogs import Choice, FilePicker, FrameDialog, Question
from birefnet_video.tui.help import HelpScreen
from birefnet_video.tui.home import HomeScreen
from birefnet_video.tui.jump import JumpScreen
from birefnet_video.tui.live import LiveScreen
from birefnet_video.tui.monitor import MonitorScreen
from birefnet_video.tui.new import NewScreen
from birefnet_video.tui.options_screen import OptionsScreen
from birefnet_video.tui.queue import QueueScreen
from birefnet_video.tui.subject import SubjectScreen
from birefnet_video.tui.summary import SummaryScreen
from birefnet_video.tui.theme_screen import ThemeScreen
from birefnet_video.tui.themed import Themed

HOMES = (
    *(Themed, WithAsides),
    *(HomeScreen, QueueScreen, MonitorScreen, LiveScreen, SummaryScreen, NewScreen, SubjectScreen),
    *(Choice, FilePicker, FrameDialog, Question, HelpScreen, JumpScreen, OptionsScreen, ThemeScreen),
)
