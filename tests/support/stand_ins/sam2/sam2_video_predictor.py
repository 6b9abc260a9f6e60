"""Stands for the predictor: it takes one object at a time, keeps every frame, and lets nobody join once it tracks."""

import torch

from sam2.utils.misc import load_video_frames, tqdm

_NEAR, _SURE = 0.3, 10.0


class SAM2VideoPredictor:
    """See EdgeTAM."""

    image_size = 64
    fill_hole_area = 8

    def __init__(self, device):
        self.device = torch.device(device)
        self.looked = 0

    def init_state(self, video_path):
        """Of all frames."""
        images, height, width = load_video_frames(video_path, self.image_size)
        state = {"images": images, "num_frames": len(images), "video_height": height, "video_width": width}
        state |= {"cached_features": {}, "obj_ids": [], "colours": {}, "tracking_has_started": False}
        state |= {"frames_already_tracked": {}, "output_dict_per_obj": {0: _outputs()}, "output_dict": _outputs()}
        self._features(state, 0)
        return state

    def reset_state(self, state):
        """Forget all but the frames."""
        state["obj_ids"].clear()
        state["colours"].clear()
        state["frames_already_tracked"].clear()
        for outputs in (state["output_dict"], *state["output_dict_per_obj"].values()):
            outputs["cond_frame_outputs"].clear()
            outputs["non_cond_frame_outputs"].clear()
        state["tracking_has_started"] = False

    def add_new_points_or_box(self, inference_state, frame_idx, obj_id, points=None, labels=None, box=None):
        """Places in pixels of the video."""
        if (points is not None) != (labels is not None):
            raise ValueError("points and labels must be provided together")
        size = torch.tensor([inference_state["video_width"], inference_state["video_height"]])
        on = [] if points is None else [place for place, label in zip(points, labels, strict=True) if label == 1]
        place = torch.tensor(on[0] if on else [(box[0] + box[2]) / 2, (box[1] + box[3]) / 2]) / size * self.image_size
        image = self._features(inference_state, frame_idx)
        self._add(inference_state, frame_idx, obj_id, image[:, int(place[1]), int(place[0])])

    def add_new_mask(self, inference_state, frame_idx, obj_id, mask):
        """Of any size."""
        assert mask.ndim == 2
        large = torch.nn.functional.interpolate(torch.tensor(mask)[None, None].float(), (64, 64))[0, 0] > 0.5
        image = self._features(inference_state, frame_idx)
        self._add(inference_state, frame_idx, obj_id, image[:, large].mean(1))

    def propagate_in_video(self, inference_state, start_frame_idx, max_frame_num_to_track):
        """Frames in their order."""
        state = inference_state
        state["tracking_has_started"] = True
        if not state["output_dict"]["cond_frame_outputs"]:
            raise RuntimeError("No points are provided; please add points first")
        last = min(start_frame_idx + max_frame_num_to_track, state["num_frames"] - 1)
        for index in tqdm(range(start_frame_idx, last + 1), desc="propagate in video"):
            image = self._features(state, index)
            away = (image - state["colours"][state["obj_ids"][0]][:, None, None]).abs().mean(0)
            logits = torch.where(away < _NEAR, _SURE, -_SURE)[None, None]
            score = torch.full((1, 1), _SURE if (logits > 0).any() else -_SURE)
            kind = "cond_frame_outputs"
            if index not in state["output_dict"][kind]:
                kind = "non_cond_frame_outputs"
            for outputs in (state["output_dict"], state["output_dict_per_obj"][0]):
                outputs[kind][index] = {"object_score_logits": score}
            state["frames_already_tracked"][index] = {"reverse": False}
            shape = (state["video_height"], state["video_width"])
            yield index, state["obj_ids"], torch.nn.functional.interpolate(logits, shape)

    def _add(self, state, index, name, colour):
        if state["tracking_has_started"]:
            raise RuntimeError(f"Cannot add new object id {name} after tracking starts.")
        if state["obj_ids"]:
            raise RuntimeError("view size is not compatible with input tensor's size and stride")
        state["obj_ids"].append(name)
        state["colours"][name] = colour
        state["output_dict"]["cond_frame_outputs"][index] = {"object_score_logits": torch.zeros(1, 1)}

    def _features(self, state, index):
        if index not in state["cached_features"]:
            self.looked += 1
            state["cached_features"] = {index: state["images"][index].float()}
        return state["cached_features"][index]


def _outputs():
    return {"cond_frame_outputs": {}, "non_cond_frame_outputs": {}}
